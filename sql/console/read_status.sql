-- Whether anything is sent, and by whom: the first look.
select now() as at, current_database()::text as database, current_setting('server_version') as server_version,
       (select max(m.version) from postrider.schema_migration m) as schema_version,
       s.is_on as sending_is_on, s.reason as sending_reason, s.changed_at as sending_changed_at, s.changed_by as sending_changed_by,
       postrider.copy_problem() as copy_problem,
       (select count(*)::integer from postrider.daemon_status d where d.state = 'live') as live_daemons,
       s.is_on and postrider.copy_problem() is null and exists (
         select from postrider.daemon_status d
         where d.state <> 'lost' and d.condition in ('well', 'blind')) as delivers,
       (select coalesce(sum(b.pending), 0)::bigint from postrider.backlog b where b.endpoint_id is not null) as pending,
       (select coalesce(sum(b.due), 0)::bigint from postrider.backlog b where b.endpoint_id is not null) as due,
       (select coalesce(sum(b.pending), 0)::bigint from postrider.backlog b where b.endpoint_id is null) as unclaimed,
       (select min(b.oldest_at) from postrider.backlog b) as oldest_at,
       (select count(*)::integer from postrider.endpoint_failure f
        join postrider.endpoint e on e.id = f.endpoint_id
        where f.consecutive_failures > 0 and e.state = 'active') as failing_endpoints
from postrider.sending s;
