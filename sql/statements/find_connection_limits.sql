-- How many connections the server, the database and the role allow, and how many are open. Null is no limit. Needs no schema.
-- Sessions of others show no more than their database and role, so those that have a database are counted.
select 'the server'::text as whose,
       (current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer
         - coalesce(current_setting('reserved_connections', true)::integer, 0))::integer as allowed,
       (select count(*) from pg_catalog.pg_stat_activity a where a.datid is not null)::integer as open
union all
select format('the database %s', d.datname), nullif(d.datconnlimit, -1),
       (select count(*) from pg_catalog.pg_stat_activity a where a.datid = d.oid)::integer
from pg_catalog.pg_database d
where d.datname = current_database()
union all
select format('the role %s', r.rolname), nullif(r.rolconnlimit, -1),
       (select count(*) from pg_catalog.pg_stat_activity a where a.usesysid = r.oid and a.datid is not null)::integer
from pg_catalog.pg_roles r
where r.rolname = current_user;
