-- Who is logged in, and what the API and the portal could do by it. Needs no privilege.
select quote_ident(current_user)::text as login, r.rolsuper as is_superuser, pg_has_role(r.oid, n.nspowner, 'member') as is_owner,
       coalesce(has_column_privilege(s.oid, 'secret', 'select'), false) as reads_secrets,
       coalesce(pg_has_role(r.oid, to_regrole('postrider_reader')::oid, m.mode), false) as is_reader,
       coalesce(pg_has_role(r.oid, to_regrole('postrider_operator')::oid, m.mode), false) as is_operator,
       coalesce(pg_has_role(r.oid, to_regrole('postrider_publisher')::oid, m.mode), false) as is_publisher,
       coalesce(pg_has_role(r.oid, to_regrole('postrider_daemon')::oid, m.mode), false) as is_daemon,
       coalesce(pg_has_role(r.oid, to_regrole('postrider_portal')::oid, m.mode), false) as is_portal,
       nullif(r.rolconnlimit, -1) as connections_max,
       concat_ws(' ', pg_postmaster_start_time(), d.oid) as place
from pg_catalog.pg_roles r
-- Before PostgreSQL 16 every member may take the role.
cross join (select case when current_setting('server_version_num')::integer >= 160000 then 'set' else 'member' end as mode) m
join pg_catalog.pg_namespace n on n.nspname = 'postrider'
join pg_catalog.pg_database d on d.datname = current_database()
left join pg_catalog.pg_class s on s.relnamespace = n.oid and s.relname = 'endpoint_secret'
where r.rolname = current_user;
