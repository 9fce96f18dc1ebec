-- How far a replay is, and what became of it.
-- $1 replay
select r.replay_id, r.endpoint_id, r.name, r.state, r.since, r.until, r.event_type, r.states, r.events, r.prepared, r.left_alone, r.pending,
       r.succeeded, r.exhausted, r.discarded, r.restored, r.created_at, r.progressed_at, r.finished_at
from postrider.portal_replay r
where r.replay_id = $1::uuid;
