-- Whether anything is sent, and by whom: the first look. Counts what waits as list_backlog does.
select now() as at, current_database()::text as database, current_setting('server_version') as server_version,
       (select max(m.version) from postrider.schema_migration m) as schema_version,
       s.is_on as sending_is_on, s.reason as sending_reason, s.changed_at as sending_changed_at, s.changed_by as sending_changed_by,
       p.copy_problem, d.live_daemons, s.is_on and p.copy_problem is null and d.works as delivers,
       b.pending, b.due, u.unclaimed, least(b.oldest_at, u.oldest_at) as oldest_at, b.is_exact and u.is_exact as is_exact,
       (select count(*)::integer from postrider.endpoint_failure f
        join postrider.endpoint e on e.id = f.endpoint_id
        where f.consecutive_failures > 0 and e.state = 'active') as failing_endpoints
from postrider.sending s
cross join (select postrider.copy_problem() as copy_problem offset 0) p
cross join (
  select count(*) filter (where d.state = 'live')::integer as live_daemons,
         coalesce(bool_or(d.state <> 'lost' and d.condition in ('well', 'blind')), false) as works
  from postrider.daemon_status d) d
cross join (
  select coalesce(sum(w.pending), 0)::bigint as pending, coalesce(sum(w.due), 0)::bigint as due, min(w.oldest_at) as oldest_at,
         coalesce(bool_and(w.is_exact), true) as is_exact
  from postrider_internal.count_waiting(500, total_max => 500, rest_max => 100) w) b
cross join postrider_internal.count_unclaimed(500) u;
