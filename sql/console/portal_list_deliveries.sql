-- Deliveries that ended without success, the newest event first.
-- $1 states, $2 endpoint, $3 since, $4 limit, $5 and $6 behind this event and endpoint
select d.event_id, d.endpoint_id, d.name, d.event_type, d.state, d.reason, d.attempts, d.created_at, d.finished_at
from postrider_internal.portal_undelivered($1::text[], $2::uuid, $3::timestamptz, $5::uuid, $6::uuid, $4::integer) d;
