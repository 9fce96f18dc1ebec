-- What keeps old events from being removed: the oldest that is undelivered, halts a key, is in hand, waits for a replay, or is unseen by the cursor.
-- role: postrider_reader, pg_monitor
-- cost: reads what waits and nothing else
--
-- Events of a transaction that is still open, or prepared and forgotten, have not been seen yet. Without pg_monitor you see
-- only the sessions of your own role. If a day past its retention holds none of these, daemons remove it within ten
-- minutes, or later if sessions keep reading or writing its tables.
select 'a delivery waits' as what, postrider.uuid_v7_time(w.event_id) as since, format('event %s for endpoint %s', w.event_id, w.endpoint_id) as which
from (
  select d.event_id, d.endpoint_id
  from postrider.delivery d
  where d.state = 'pending'
  order by d.event_id
  limit 1) w
union all
select 'it halts its ordering key', postrider.uuid_v7_time(h.event_id), format('event %s for endpoint %s: postrider.redeliver or postrider.skip', h.event_id, h.endpoint_id)
from (
  select d.event_id, d.endpoint_id
  from postrider.delivery d
  where d.ordering_seq is not null and d.state = 'exhausted' and d.halts
  order by d.event_id
  limit 1) h
union all
select 'a daemon has it in hand', postrider.uuid_v7_time(w.event_id), format('event %s for endpoint %s, claim of daemon %s', w.event_id, w.endpoint_id, w.daemon_id)
from (
  select f.event_id, f.endpoint_id, f.daemon_id
  from postrider.in_flight f
  where f.lease_expires_at is null
  order by f.event_id
  limit 1) w
union all
select 'no daemon has claimed it', b.oldest_at, format('%s events', b.pending)
from postrider.backlog b
where b.endpoint_id is null
union all
select 'a replay is on its way', r.created_at, format('replay %s to endpoint %s', r.id, r.endpoint_id)
from (
  select p.id, p.endpoint_id, p.created_at
  from postrider.replay p
  where p.state = 'preparing'
  order by p.created_at
  limit 1) r
union all
select 'a transaction that writes is open', t.xact_start, format('process %s of %s, %s: %s', t.pid, t.usename, t.state, left(t.query, 80))
from (
  select a.pid, a.usename, a.state, a.query, a.xact_start
  from pg_stat_activity a
  where a.backend_xid is not null and a.datname = current_database() and a.backend_type = 'client backend' and a.pid <> pg_backend_pid()
  order by a.xact_start
  limit 1) t
union all
select 'a transaction is prepared', t.prepared, format('%s of %s: commit prepared or rollback prepared ends it', t.gid, t.owner)
from (
  select p.gid, p.owner, p.prepared
  from pg_prepared_xacts p
  where p.database = current_database()
  order by p.prepared
  limit 1) t
order by since;
