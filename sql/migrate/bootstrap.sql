-- What a migration works with: the two schemas, the two records, and the functions that install a file.
--
-- Every migration runs this first, so each statement may be repeated. Schema and upgrade files run once, in the order of
-- their versions. A function file holds one function or view, its triggers, comments and grants, and is installed again
-- whenever its text has changed. Its objects have the file's name.

do $bootstrap$
begin
  -- "create schema if not exists" asks for the privilege even if the schema exists.
  if to_regnamespace('postrider') is null then
    create schema postrider;
  end if;
  if to_regnamespace('postrider_internal') is null then
    create schema postrider_internal;
  end if;
end
$bootstrap$;
comment on schema postrider is
  'Postrider, a transactional outbox: rows inserted into postrider.outbox become signed webhooks.';
comment on schema postrider_internal is
  'The functions that Postrider calls itself: no tables, and nothing that a person calls.';

create table if not exists postrider.schema_migration (
  version integer not null,
  name text not null,
  sha256 text not null,
  breaking boolean not null,
  applied_at timestamptz not null default now(),
  applied_by text not null default session_user,
  postrider_version text not null,
  duration_ms integer not null,
  constraint schema_migration_pkey primary key (version),
  constraint "version is above 0" check (version > 0),
  constraint "sha256 is 64 hexadecimal digits" check (sha256 ~ '^[0-9a-f]{64}$'),
  constraint "duration_ms is not negative" check (duration_ms >= 0)
);
comment on table postrider.schema_migration is
  'The schema and upgrade files that made these tables, one row each. Written by "postrider migrate", or by the script it prints.';
comment on column postrider.schema_migration.version is 'The number of the file: 1, 2, 3 and so on, without gaps.';
comment on column postrider.schema_migration.name is 'The name of the file, without the ending.';
comment on column postrider.schema_migration.sha256 is
  'The SHA-256 of the file as it was applied, with LF line ends. A program that has a different text refuses to work.';
comment on column postrider.schema_migration.breaking is
  'Whether a daemon that does not know this file must stop.';
comment on column postrider.schema_migration.applied_at is 'When its transaction began.';
comment on column postrider.schema_migration.applied_by is 'The role that had logged in.';
comment on column postrider.schema_migration.postrider_version is 'The version of the program that applied or printed it.';
comment on column postrider.schema_migration.duration_ms is 'How long its statements took, in milliseconds.';

create table if not exists postrider.schema_object (
  name text not null,
  sha256 text not null,
  grants text,
  triggers text not null,
  fingerprint text not null,
  server_major integer not null,
  installed_at timestamptz not null default now(),
  installed_by text not null default session_user,
  postrider_version text not null,
  constraint schema_object_pkey primary key (name),
  constraint "sha256 is 64 hexadecimal digits" check (sha256 ~ '^[0-9a-f]{64}$')
);
comment on table postrider.schema_object is
  'The functions and views that are installed, one row a file. Written by "postrider migrate", or by the script it prints.';
comment on column postrider.schema_object.name is 'The name of the function or view, and of its file.';
comment on column postrider.schema_object.sha256 is
  'The SHA-256 of the file as it was installed, with LF line ends. If it differs, the file is installed again.';
comment on column postrider.schema_object.grants is
  'What grant_roles() grants on it, such as execute to reader, operator. Null if only the owner may use it.';
comment on column postrider.schema_object.triggers is
  'The statements of the file that made its triggers. They run again only if they differ, because they lock the table.';
comment on column postrider.schema_object.fingerprint is
  'A hash of the objects that the file made; it reveals a later edit by hand.';
comment on column postrider.schema_object.server_major is
  'The major version of the server that made the fingerprint. Another one may write the same view differently.';
comment on column postrider.schema_object.installed_at is 'When the transaction began that installed it.';
comment on column postrider.schema_object.installed_by is 'The role that had logged in.';
comment on column postrider.schema_object.postrider_version is
  'The newest version of the program that has migrated this database. An older program leaves the functions alone.';

create or replace function postrider_internal.file_objects(file text)
returns table (class_id oid, object_id oid, kind text, identity text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- A migration calls it some thousand times, and before version 18 only plpgsql keeps a plan for the next call.
begin
  return query
  with ours as (
    select n.oid from pg_namespace n where n.nspname in ('postrider', 'postrider_internal')
  ), object as (
    select 1 as part, 'pg_trigger'::regclass as class_id, t.oid as object_id
    from pg_trigger t
    join pg_proc p on p.oid = t.tgfoid
    join pg_class c on c.oid = t.tgrelid
    where p.proname = file and p.pronamespace in (select o.oid from ours o)
      and c.relnamespace in (select o.oid from ours o) and not t.tgisinternal and t.tgparentid = 0
    union all
    select 2, 'pg_class', c.oid from pg_class c
    where c.relname = file and c.relkind = 'v' and c.relnamespace in (select o.oid from ours o)
    union all
    select 3, 'pg_proc', p.oid from pg_proc p
    where p.proname = file and p.pronamespace in (select o.oid from ours o)
    union all
    select 4, 'pg_type', t.oid from pg_type t
    where t.typname = file and t.typnamespace in (select o.oid from ours o)
      and (t.typtype = 'd' or t.typtype = 'c' and (select c.relkind = 'c' from pg_class c where c.oid = t.typrelid))
  )
  select o.class_id::oid, o.object_id, i.type, i.identity
  from object o
  cross join lateral pg_identify_object(o.class_id, o.object_id, 0) i
  order by o.part, i.identity collate "C";
end
$$;
comment on function postrider_internal.file_objects(text) is
  'The function, view, type and triggers that a function file made, in the order in which they can be dropped.';

create or replace function postrider_internal.fingerprint(file text) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set quote_all_identifiers = off
set standard_conforming_strings = on
set intervalstyle = postgres
set datestyle = 'ISO, YMD'
set timezone = 'UTC'
as $$
begin
  -- The settings above decide how Postgres writes literals. After a dump and a restore it writes an expression with
  -- other parentheses and casts, so these are removed. The text of a body is compared unchanged.
  return (select md5(string_agg(concat_ws(' ', o.kind, o.identity, regexp_replace(case o.class_id
    when 'pg_proc'::regclass then (
      select md5(p.prosrc) || case when p.prosrc = '' then pg_get_functiondef(p.oid)
               else replace(pg_get_functiondef(p.oid), p.prosrc, '') end
      from pg_proc p where p.oid = o.object_id)
    when 'pg_class'::regclass then pg_get_viewdef(o.object_id)
    when 'pg_trigger'::regclass then (
      select pg_get_triggerdef(t.oid) || t.tgenabled::text from pg_trigger t where t.oid = o.object_id)
    else (
      select string_agg(a.attname || ' ' || format_type(a.atttypid, a.atttypmod), ', ' order by a.attnum)
      from pg_type t join pg_attribute a on a.attrelid = t.typrelid and not a.attisdropped
      where t.oid = o.object_id) end, '::(timestamp with time zone|double precision|[a-z_]+)|[()\s]', '', 'g')), E'\n' order by o.kind, o.identity collate "C"))
  from postrider_internal.file_objects(file) o);
end
$$;
comment on function postrider_internal.fingerprint(text) is
  'A hash of the objects that a function file made; null if there are none.';

create or replace function postrider_internal.keep_grants(file text) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
as $$
  -- Only grants to a site's own roles: grant_roles() handles the others. Functions are kept by name, because their
  -- arguments may change. A setting holds the grants, because only a migration needs them.
  select set_config('postrider.kept_grants', (
    coalesce(nullif(current_setting('postrider.kept_grants', true), '')::jsonb, '[]')
    || coalesce(jsonb_agg(format('grant %s%s on %s %I.%I to %s%s', g.privilege_type, ' (' || quote_ident(g.column_name) || ')',
         g.kind, g.schema_name, g.name, g.grantee::regrole, case when g.is_grantable then ' with grant option' end)), '[]'))::text, false)
  from (
    select 'table' as kind, c.relnamespace::regnamespace::name as schema_name, c.relname as name, null::name as column_name, c.relowner as owner, a.*
    from pg_class c cross join aclexplode(c.relacl) a
    where c.oid in (select o.object_id from postrider_internal.file_objects(file) o where o.kind = 'view')
    union all
    select 'table', c.relnamespace::regnamespace::name, c.relname, t.attname, c.relowner, a.*
    from pg_class c join pg_attribute t on t.attrelid = c.oid and not t.attisdropped cross join aclexplode(t.attacl) a
    where c.oid in (select o.object_id from postrider_internal.file_objects(file) o where o.kind = 'view')
    union all
    select 'function', p.pronamespace::regnamespace::name, p.proname, null, p.proowner, a.*
    from pg_proc p cross join aclexplode(p.proacl) a
    where p.oid in (select o.object_id from postrider_internal.file_objects(file) o where o.kind = 'function')) g
  where g.grantee not in (0, g.owner)
    and g.grantee::regrole::text not in ('postrider_publisher', 'postrider_reader', 'postrider_operator', 'postrider_daemon', 'postrider_portal')
$$;
comment on function postrider_internal.keep_grants(text) is
  'Notes what a site has granted to its own roles on the objects of a function file, until they are created again.';

create or replace function postrider_internal.give_kept_grants() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  statement text;
begin
  for statement in
    select jsonb_array_elements_text(coalesce(nullif(current_setting('postrider.kept_grants', true), '')::jsonb, '[]'))
  loop
    begin
      execute statement;
    exception
      when undefined_table or undefined_column or undefined_function or undefined_object then
        null; -- it, its column or the role is gone
    end;
  end loop;
  perform set_config('postrider.kept_grants', '', false);
end
$$;
comment on function postrider_internal.give_kept_grants() is
  'Repeats the grants that keep_grants() has noted.';

create or replace function postrider_internal.drop_objects(file text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- First drops our own objects that depend on those of the file; their files are installed again in the same transaction.
-- Any other dependent object stops the migration. Nothing is dropped by cascade.
declare
  own record;
  dependent record;
begin
  perform postrider_internal.keep_grants(file);
  for own in select o.class_id, o.object_id, o.kind, o.identity from postrider_internal.file_objects(file) o loop
    for dependent in
      select distinct pg_describe_object(d.class_id, d.object_id, 0) as description, s.name
      from (
        -- A view depends on what it reads through its rule, and a composite type through its row.
        select case when r.oid is not null then 'pg_class'::regclass::oid when c.oid is not null then 'pg_type'::regclass::oid
                 else p.classid end as class_id,
               coalesce(r.ev_class, c.reltype, p.objid) as object_id
        from (
          select own.class_id as class_id, own.object_id as object_id
          union all
          -- A composite type and a view also have dependents through their row type and its array type.
          select x.class_id, x.object_id
          from pg_type t
          cross join lateral (values ('pg_type'::regclass::oid, t.oid), ('pg_type'::regclass, t.typarray), ('pg_class'::regclass, t.typrelid))
            x (class_id, object_id)
          where t.oid = own.object_id and own.class_id = 'pg_type'::regclass
            or t.typrelid = own.object_id and own.class_id = 'pg_class'::regclass) w
        join pg_depend p on p.refclassid = w.class_id and p.refobjid = w.object_id and p.deptype in ('n', 'a')
        left join pg_rewrite r on p.classid = 'pg_rewrite'::regclass and r.oid = p.objid
        left join pg_class c on p.classid = 'pg_class'::regclass and c.oid = p.objid and c.relkind = 'c') d
      left join (
        select o.name, f.class_id, f.object_id from postrider.schema_object o
        cross join lateral postrider_internal.file_objects(o.name) f) s using (class_id, object_id)
      where s.name is distinct from file
        and (d.class_id, d.object_id) not in (select f.class_id, f.object_id from postrider_internal.file_objects(file) f)
    loop
      if dependent.name is null then
        raise exception 'cannot replace %: % depends on it', own.identity, dependent.description
          using errcode = 'dependent_objects_still_exist',
            hint = 'Drop what depends on it, migrate, and create that again.';
      end if;
      perform postrider_internal.drop_objects(dependent.name);
    end loop;
    -- A trigger's identity is "name on table", which is what "drop trigger" reads.
    execute format('drop %s if exists %s', own.kind, own.identity);
  end loop;
  delete from postrider.schema_object o where o.name = file;
end
$$;
comment on function postrider_internal.drop_objects(text) is
  'Drops the objects that a function file made, with those of ours that depend on them. Fails if anything else depends on them. An upgrade calls it for objects that are in its way.';

create or replace function postrider_internal.install_file(
  file text, sha256 text, grants text, postrider_version text, statements text
) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set check_function_bodies = off
as $$
-- Replaces in place if Postgres can do that, so a function keeps what depends on it. Otherwise drops and creates again.
--
-- Creating a trigger locks its table against writers. The migration would wait behind one open insert, and every later
-- insert would wait behind the migration. So triggers that are unchanged since their installation are left alone.
declare
  triggers_at constant integer := position(E'\ncreate or replace trigger ' in statements);
  triggers constant text := case when triggers_at > 0 then substr(statements, triggers_at) else '' end;
  installed record;
  stray record;
begin
  select o.sha256, o.triggers into installed
  from postrider.schema_object o
  -- Another major version may write the same objects differently.
  where o.name = file and case when o.server_major = current_setting('server_version_num')::integer / 10000
    then o.fingerprint = postrider_internal.fingerprint(file) else postrider_internal.fingerprint(file) is not null end;
  if installed.sha256 = install_file.sha256 then
    return false;
  end if;
  begin
    execute case when installed.triggers = triggers then left(statements, length(statements) - length(triggers)) else statements end;
  exception
    when invalid_function_definition or invalid_table_definition or duplicate_object or wrong_object_type then
      perform postrider_internal.drop_objects(file);
      execute statements;
  end;
  if (select count(*) from postrider_internal.file_objects(file) o where o.kind <> 'trigger') > 1 then
    -- The arguments or the schema have changed, so the former function still exists.
    perform postrider_internal.drop_objects(file);
    execute statements;
  end if;
  for stray in
    select o.identity from postrider_internal.file_objects(file) o join pg_trigger t on t.oid = o.object_id
    where o.kind = 'trigger' and position(format('trigger %I ', t.tgname) in statements) = 0
  loop
    execute format('drop trigger %s', stray.identity);
  end loop;
  insert into postrider.schema_object as o (name, sha256, grants, triggers, fingerprint, server_major, postrider_version)
  values (file, install_file.sha256, install_file.grants, triggers, postrider_internal.fingerprint(file),
    current_setting('server_version_num')::integer / 10000, install_file.postrider_version)
  on conflict on constraint schema_object_pkey do update
  set sha256 = excluded.sha256, grants = excluded.grants, triggers = excluded.triggers,
      fingerprint = excluded.fingerprint, server_major = excluded.server_major, installed_at = excluded.installed_at, installed_by = excluded.installed_by,
      postrider_version = excluded.postrider_version;
  return true;
end
$$;
comment on function postrider_internal.install_file(text, text, text, text, text) is
  'Installs a function file if its text has changed, and returns whether it did. For the owner, within a migration.';

create or replace function postrider_internal.replaced_files() returns setof text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- A function is read as it is now, its record as it was when the statement began. A migration that commits in between
  -- would look like an edit by hand. The lock is tried and not waited for, because waiting with a snapshot would block a
  -- concurrent index.
  if not pg_try_advisory_xact_lock_shared(8101821198635721829) then
    return;
  end if;
  return query
    select o.name
    from postrider.schema_object o
    where o.server_major = current_setting('server_version_num')::integer / 10000
      and o.fingerprint is distinct from postrider_internal.fingerprint(o.name)
    order by o.name collate "C";
end
$$;
comment on function postrider_internal.replaced_files() is
  'The functions and views that were replaced or dropped by hand since they were installed. None while another session migrates.';

create or replace function postrider_internal.keep_files(files text[], postrider_version text) returns setof text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  gone text;
begin
  for gone in select o.name from postrider.schema_object o where o.name <> all (files) order by o.name collate "C" loop
    -- It may already have been dropped together with what it depended on.
    if exists (select from postrider.schema_object o where o.name = gone) then
      perform postrider_internal.drop_objects(gone);
      return next gone;
    end if;
  end loop;
  perform postrider_internal.give_kept_grants();
  update postrider.schema_object o
  set postrider_version = keep_files.postrider_version, fingerprint = postrider_internal.fingerprint(o.name),
      server_major = current_setting('server_version_num')::integer / 10000;
  execute format(
    'create or replace function postrider_internal.recorded_files() returns jsonb language sql immutable return %L::jsonb',
    jsonb_build_object(
      'migrations', (select coalesce(jsonb_agg(to_jsonb(m) order by m.version), '[]') from postrider.schema_migration m),
      'objects', (select coalesce(jsonb_agg(to_jsonb(o) order by o.name collate "C"), '[]') from postrider.schema_object o)));
  comment on function postrider_internal.recorded_files() is
    'A copy of postrider.schema_migration and postrider.schema_object, for the case that someone empties them. Written by each migration.';
end
$$;
comment on function postrider_internal.keep_files(text[], text) is
  'Drops the objects of the function files that are not among these and returns their names. Records the present state of all others. For the owner, within a migration.';

create or replace function postrider_internal.restore_records() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  recorded jsonb;
begin
  if to_regprocedure('postrider_internal.recorded_files()') is null then
    return;
  end if;
  recorded := postrider_internal.recorded_files();
  if not exists (select from postrider.schema_migration) then
    insert into postrider.schema_migration (
      version, name, sha256, breaking, applied_at, applied_by, postrider_version, duration_ms)
    select r.version, r.name, r.sha256, r.breaking, r.applied_at, r.applied_by, r.postrider_version, r.duration_ms
    from jsonb_populate_recordset(null::postrider.schema_migration, recorded -> 'migrations') r;
  end if;
  if not exists (select from postrider.schema_object) then
    insert into postrider.schema_object (
      name, sha256, grants, triggers, fingerprint, server_major, installed_at, installed_by, postrider_version)
    select r.name, r.sha256, r.grants, r.triggers, r.fingerprint, r.server_major, r.installed_at, r.installed_by, r.postrider_version
    from jsonb_populate_recordset(null::postrider.schema_object, recorded -> 'objects') r;
  end if;
end
$$;
comment on function postrider_internal.restore_records() is
  'Writes the rows of postrider.schema_migration and postrider.schema_object again, if one of them was emptied. For the owner.';

-- A suite of tests may have emptied them, with triggers disabled.
do $records$
begin
  perform postrider_internal.restore_records();
end
$records$;
