-- Whether an endpoint fails, since when and how, how fast it answers, and what waits for it.
-- $1 endpoint
select h.endpoint_id, h.state, h.state_reason, h.is_failing, h.failing_since, h.consecutive_failures, h.last_failure_at,
       h.last_failure_kind, h.last_http_status, h.last_error, h.recovered_at, h.p50_ms, h.p95_ms, h.disabled_from,
       h.circuit, h.circuit_opened_at, h.next_probe_at, h.halted_keys, h.halted_since, h.certificate_expires_at,
       coalesce(b.pending, 0) as pending, coalesce(b.due, 0) as due, b.oldest_at, b.oldest_age, coalesce(b.is_exact, true) as is_exact,
       u.exhausted, u.discarded
from postrider.endpoint_health h
left join postrider.backlog b on b.endpoint_id = h.endpoint_id
left join postrider.undelivered u on u.endpoint_id = h.endpoint_id
where h.endpoint_id = $1::uuid;
