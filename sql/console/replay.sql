-- Sends a range of events again, or says how many that would be.
-- $1 endpoint, $2 since, $3 until, $4 event type, $5 states, $6 whether only to say how many
select r.replay_id, r.events
from postrider.replay($1::uuid, $2::timestamptz, coalesce($3::timestamptz, now()), coalesce($4::text, '*'),
  coalesce($5::text[], '{exhausted,discarded,unmatched}'), coalesce($6::boolean, false)) r;
