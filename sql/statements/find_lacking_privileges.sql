-- What the role postrider_daemon may do and this role may not. If that role is missing: what every daemon does.
select concat_ws(' ', 'select from', c.oid::regclass::text) as lacking
from pg_catalog.pg_class c
where c.relnamespace in (select n.oid from pg_catalog.pg_namespace n where n.nspname in ('postrider', 'postrider_internal'))
  and c.relkind in ('r', 'p', 'v') and not c.relispartition
  and coalesce(has_table_privilege(to_regrole('postrider_daemon')::oid, c.oid, 'select'), c.relname = 'outbox')
  and not has_table_privilege(c.oid, 'select')
union all
select concat_ws(' ', 'execute', p.oid::regproc::text)
from pg_catalog.pg_proc p
where p.pronamespace in (select n.oid from pg_catalog.pg_namespace n where n.nspname in ('postrider', 'postrider_internal'))
  and coalesce(has_function_privilege(to_regrole('postrider_daemon')::oid, p.oid, 'execute'), p.proname in ('beat', 'claim_events', 'record_results'))
  and not has_function_privilege(p.oid, 'execute')
order by lacking;
