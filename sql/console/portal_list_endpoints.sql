-- Endpoints, the newest first, and whether each fails.
-- $1 state, $2 only those that fail, $3 limit, $4 older than this one
select e.id, e.name, e.description, e.url, e.url_is_whole, e.kind, e.format, e.signing, e.header_names, e.event_types, e.timeout_ms,
       e.retry_schedule, e.disable_after, e.state, e.state_reason, e.state_changed_at, e.is_failing, e.failing_since,
       e.consecutive_failures, e.last_failure_at, e.last_failure_kind, e.last_http_status, e.last_error, e.recovered_at,
       e.disabled_from, e.circuit_opened_at, e.next_probe_at, e.revision, e.created_at, e.updated_at
from postrider.portal_endpoint e
where ($1::text is null or e.state = $1)
  and ($2::boolean is not true or e.is_failing)
  and ($4::uuid is null or e.id < $4)
order by e.id desc
limit $3::integer;
