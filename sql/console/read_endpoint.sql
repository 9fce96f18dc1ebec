-- An endpoint and its settings, without its query, headers and credentials.
-- $1 endpoint
select e.id, e.tenant, e.name, e.description, e.kind, e.shown_url as url, e.format, e.ordered, e.when_exhausted,
       e.batch_size, e.batch_delay_ms, e.max_in_flight, e.rate_limit, e.rate_burst, e.timeout_ms, e.retry_schedule,
       e.retry_on, e.give_up_on, e.signing, e.encryption_key, e.inline_limit, e.handshake,
       e.handshake_state, e.disable_after, e.payload, e.payload_fallback,
       e.state, e.state_reason, e.state_changed_at, e.circuit_opened_at, e.revision, e.created_at, e.updated_at
from postrider.endpoint e
where e.id = $1::uuid;
