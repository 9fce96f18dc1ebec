-- Who has held the lane of claiming for longer than a claim takes. A session that is stuck in writing its answer, to a
-- daemon that is frozen or on a dead link, is ended: its claim was not committed.
-- $1 since how many milliseconds
select a.pid, a.usename as role, a.application_name, a.state, a.wait_event,
       case when a.state = 'active' and a.wait_event_type = 'Client' and a.wait_event = 'ClientWrite'
         then pg_terminate_backend(a.pid) else false end as ended
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'advisory' and l.classid = 1886352244 and l.objid = 1 and l.objsubid = 2 and l.granted
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and a.xact_start < clock_timestamp() - $1::integer * interval '1 ms';
