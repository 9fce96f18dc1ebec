-- Which session, slot or prepared transaction holds the oldest snapshot, and so keeps vacuum from removing dead rows.
-- role: pg_monitor
-- cost: next to nothing
--
-- An old snapshot does not slow claims, but postrider.daemon and retried deliveries leave dead rows that stay until it is
-- gone. pg_terminate_backend(pid) ends a session, pg_drop_replication_slot(name) drops an unused slot.
select s.kind, s.name, s.who, s.state, s.since, s.xids_behind
from (
  select 'session' as kind, a.pid::text as name, a.usename::text as who, concat_ws(': ', a.state, left(a.query, 80)) as state,
         a.xact_start as since, greatest(age(a.backend_xmin), age(a.backend_xid)) as xids_behind
  from pg_stat_activity a
  where (a.backend_xmin is not null or a.backend_xid is not null) and a.pid <> pg_backend_pid()
  union all
  select 'replication slot', r.slot_name::text, r.database::text, case when r.active then 'active' else 'not in use' end,
         null, greatest(age(r.xmin), age(r.catalog_xmin))
  from pg_replication_slots r
  where r.xmin is not null or r.catalog_xmin is not null
  union all
  select 'prepared transaction', p.gid, p.owner::text, 'commit prepared or rollback prepared ends it', p.prepared, age(p.transaction)
  from pg_prepared_xacts p) s
order by s.xids_behind desc
limit 20;
