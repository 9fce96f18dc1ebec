-- Names the sessions that have held the claim lock for longer than a claim takes, and ends one that is stuck in writing its
-- answer to a daemon that is frozen or on a dead link, if this role may end it. The claim of such a session was not committed.
-- $1 for how many milliseconds
-- Postgres hides what a session of another role does, unless this role is a member of it or of pg_read_all_stats. Such a
-- holder is named all the same, without a state. A role that may not end it would get an error for trying.
select a.pid, postrider_internal.readable(a.usename::text) as role, postrider_internal.readable(a.application_name) as application_name, a.state, a.wait_event,
       case when a.state = 'active' and a.wait_event_type = 'Client' and a.wait_event = 'ClientWrite'
         and (pg_has_role(a.usesysid, 'usage')
           or pg_has_role('pg_signal_backend', 'usage') and not (select r.rolsuper from pg_roles r where r.oid = a.usesysid))
         then pg_terminate_backend(a.pid) else false end as ended
from pg_locks l
join pg_stat_activity a on a.pid = l.pid
where l.locktype = 'relation' and l.relation = 'postrider.claim_lock'::regclass and l.mode = 'ShareUpdateExclusiveLock' and l.granted
  and l.database = (select d.oid from pg_database d where d.datname = current_database())
  and (a.state is null or coalesce(a.xact_start, a.state_change) < clock_timestamp() - $1::integer * interval '1 ms');
