-- Of the schema's tables and views, those that the login may read and the role of the portal may not, and the tables that this
-- role may read, which should be none. The role must be there. Needs no privilege.
select (count(*) filter (where x.login_reads and not x.portal_reads))::integer as by_login,
       min(x.name) filter (where x.login_reads and not x.portal_reads) as by_login_such_as,
       (count(*) filter (where x.is_table and x.portal_reads))::integer as by_portal,
       min(x.name) filter (where x.is_table and x.portal_reads) as by_portal_such_as
from (
  select c.oid::regclass::text as name, c.relkind in ('r', 'p') as is_table,
         has_any_column_privilege(c.oid, 'select') as login_reads,
         has_any_column_privilege('postrider_portal', c.oid, 'select') as portal_reads
  from pg_catalog.pg_class c
  -- Access to a partition is by its parent.
  where c.relnamespace = any (array['postrider'::regnamespace, 'postrider_internal'::regnamespace])
    and c.relkind in ('r', 'p', 'v', 'm') and not c.relispartition) x;
