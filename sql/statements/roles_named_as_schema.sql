-- Roles that may log in and use the schema of Postrider's that has their name. If "$user" is on their search_path, as it is
-- by default, their unqualified tables are made there, and unqualified names are looked up there.
select r.rolname::text as role_name
from pg_catalog.pg_roles r
join pg_catalog.pg_namespace n on n.nspname = r.rolname
where r.rolname in ('postrider', 'postrider_internal') and r.rolcanlogin and has_schema_privilege(r.oid, n.oid, 'usage')
  and coalesce((
    -- The setting that counts: for the role in this database, for the role, for the database, for all.
    select c.setting
    from pg_catalog.pg_db_role_setting s
    cross join lateral unnest(s.setconfig) c (setting)
    where s.setrole in (r.oid, 0)
      and s.setdatabase in ((select d.oid from pg_catalog.pg_database d where d.datname = current_database()), 0)
      and c.setting like 'search!_path=%' escape '!'
    order by s.setrole = 0, s.setdatabase = 0
    limit 1), '$user') like '%$user%'
order by r.rolname;
