-- An endpoint, and whether it fails.
-- $1 endpoint
select e.id, e.name, e.description, e.url, e.url_is_whole, e.kind, e.format, e.signing, e.header_names, e.event_types, e.timeout_ms,
       e.retry_schedule, e.disable_after, e.state, e.state_reason, e.state_changed_at, e.is_failing, e.failing_since,
       e.consecutive_failures, e.last_failure_at, e.last_failure_kind, e.last_http_status, e.last_error, e.recovered_at,
       e.disabled_from, e.circuit_opened_at, e.next_probe_at, e.revision, e.created_at, e.updated_at
from postrider.portal_endpoint e
where e.id = $1::uuid;
