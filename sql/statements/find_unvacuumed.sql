-- Tables for which autovacuum is switched off by itself.
select format('%s.%s', n.nspname, c.relname)::text as name
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
where n.nspname in ('postrider', 'postrider_internal') and c.relkind = 'r'
  and exists (select from unnest(c.reloptions) as o(setting) where o.setting ~* '^autovacuum_enabled=(f|n|0|of)')
order by 1;
