-- Replays and how far they are, the newest first.
-- $1 endpoint, $2 limit, $3 older than this one
select r.replay_id, r.endpoint_id, r.name, r.state, r.since, r.until, r.event_type, r.states, r.events, r.prepared, r.left_alone, r.pending,
       r.succeeded, r.exhausted, r.discarded, r.restored, r.created_at, r.progressed_at, r.finished_at
from postrider.portal_replay r
where ($1::uuid is null or r.endpoint_id = $1) and ($3::uuid is null or r.replay_id < $3)
order by r.replay_id desc
limit $2::integer;
