-- What waits for an endpoint, the oldest event first.
-- $1 endpoint, $2 limit, $3 behind this event
select w.event_id, w.event_type, w.created_at, w.attempts, w.next_attempt_at, w.is_in_flight
from postrider_internal.portal_waiting($1::uuid, $3::uuid, $2::integer) w;
