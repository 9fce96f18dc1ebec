-- The daemons: whether each is alive, and what keeps it from its work.
select d.id, d.host, d.pid, d.version, d.state, d.condition, d.condition_since, d.condition_reason,
       d.started_at, d.beat_at, d.lease_expires_at, d.in_flight, d.waiting, d.claims
from postrider.daemon_status d
order by d.host, d.pid, d.id
limit 1000;
