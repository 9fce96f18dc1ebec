-- Sends what an endpoint missed again, or says how much that would be.
-- $1 endpoint, $2 since, $3 until, $4 event type, $5 states, $6 whether only to say how much
select r.replay_id, r.events
from postrider_internal.portal_replay_range($1::uuid, $2::timestamptz, $3::timestamptz, $4::text, $5::text[], $6::boolean) r;
