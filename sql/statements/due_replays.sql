-- The replays that are not finished, with the time until the next step of each; the one that is due longest first.
-- $1 how many at most
-- Index: replay_unfinished.
select r.id as replay_id, r.endpoint_id, greatest(0, ceil(extract(epoch from r.next_step_at - clock_timestamp()) * 1000))::integer as due_in_ms
from postrider.replay r
where r.finished_at is null
order by r.next_step_at
limit $1::integer;
