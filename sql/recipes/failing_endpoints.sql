-- Endpoints whose last attempts have all failed, since when, and with what; the longest first.
-- role: postrider_reader
-- cost: reads the endpoints, and one row of each that has ever failed
--
-- Failures of attempts that a person asked for (redeliver, a replay) do not count. disabled_from: when it will be disabled
-- if nothing succeeds; null for never.
select h.endpoint_id, h.tenant, h.name, h.url, h.state, h.state_reason, h.failing_since, h.consecutive_failures,
       h.last_failure_at, h.last_failure_kind, h.last_http_status, h.last_error, h.disabled_from
from postrider.endpoint_health h
where h.is_failing
order by h.failing_since, h.endpoint_id;
