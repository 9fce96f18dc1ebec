-- Sends what an endpoint missed during an outage: repeats the deliveries of that time's events that failed for good.
-- role: postrider_operator
-- cost: reads the deliveries of that time to count them; the daemons then make them pending in small steps, paced
-- set: endpoint_id, the endpoint; since, when its first event was inserted, such as '2026-11-24 02:00'; until, the end of the range; dry_run, true to count only
--
-- With dry_run there is no replay_id. Progress is in postrider.replay_status; postrider.cancel_replay(replay_id) ends it.
\if :{?endpoint_id} \else \warn Set endpoint_id, as in: psql -v endpoint_id=... \quit \endif
\if :{?since} \else \warn Set since, as in: psql -v since=... \quit \endif
\if :{?until} \else \warn Set until, as in: psql -v until=... \quit \endif
\if :{?dry_run} \else \warn Set dry_run, as in: psql -v dry_run=... \quit \endif
select r.replay_id, r.events
from postrider.replay(:'endpoint_id', :'since', :'until', states => '{exhausted,discarded}', dry_run => :'dry_run') r;
