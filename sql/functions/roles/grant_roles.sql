-- Nothing is granted to PUBLIC, and only the owner may write to the tables of the engine: daemons and operators change
-- them by functions that act with the owner's rights. Such a function pins its search_path, so that no operator,
-- function or temporary table of the caller is taken for one of ours, and it runs no text that it is given. The audit's
-- actor is session_user, the role that logged in, and not the owner.
--
-- Default privileges cannot keep PUBLIC out of future functions: those of a schema only add to the global ones, and
-- changing the global ones would change the owner's other schemas too. So grant_roles() revokes what PUBLIC was given,
-- every migration calls it last, and a test reads every access list.

create or replace function postrider.grant_roles() returns table (role_name text, outcome text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Everything is revoked and granted again, in one transaction. So what a release no longer grants is gone, and what was
-- granted to one of the five roles by hand is gone too; a site that needs more makes another role for it.
declare
  entry record;
  grantees text;
begin
  -- The lock of migrations, because two sessions that grant at once fail with "tuple concurrently updated".
  perform pg_advisory_xact_lock(8101821198635721829);
  -- So would one that grants while another defines an event type, because that rewrites a function.
  perform from postrider.event_type_policy p for update;

  for entry in
    select r.name, r.purpose from (values
      ('postrider_publisher', 'Postrider: inserts events and reads back their ids.'),
      ('postrider_reader', 'Postrider: sees what happens, without payloads and secrets.'),
      ('postrider_operator', 'Postrider: sees payloads, changes endpoints, and steers deliveries.'),
      ('postrider_daemon', 'Postrider: what a daemon needs to deliver.'),
      ('postrider_portal', 'Postrider: what a tenant sees and changes of its own, by a token.')) r (name, purpose)
  loop
    role_name := entry.name;
    outcome := 'granted';
    if to_regrole(entry.name) is null then
      begin
        execute format('create role %I nologin', entry.name);
        execute format('comment on role %I is %L', entry.name, entry.purpose);
      exception
        when insufficient_privilege then
          outcome := 'missing';
        when duplicate_object or unique_violation then
          null; -- roles belong to the cluster, and another database was quicker
      end;
    end if;
    return next;
  end loop;

  grantees := concat_ws(', ', 'public', to_regrole('postrider_publisher'), to_regrole('postrider_reader'),
    to_regrole('postrider_operator'), to_regrole('postrider_daemon'), to_regrole('postrider_portal'));
  for entry in
    -- Partitions are left out, because access through their parent needs no privilege on them.
    select case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass as object
    from pg_class c
    where c.relnamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'S') and not c.relispartition
    union all
    select 'routine ' || p.oid::regprocedure from pg_proc p
    where p.pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace)
    union all
    select 'domain ' || t.oid::regtype from pg_type t
    where t.typnamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and t.typtype = 'd'
    union all
    select unnest('{schema postrider,schema postrider_internal}'::text[])
  loop
    execute format('revoke all on %s from %s', entry.object, grantees);
  end loop;

  for entry in
    select d.privileges, d.object, (
      select string_agg(to_regrole('postrider_' || r.name)::text, ', ') from unnest(d.roles) r (name)) as roles
    from postrider_internal.declared_grants() d
  loop
    continue when entry.roles is null;
    execute format('grant %s on %s to %s', entry.privileges, entry.object, entry.roles);
  end loop;

  -- A restore of data alone ends with this call; from here on its catalogue is enforced.
  perform postrider_internal.refresh_judged_event_types();
end
$$;
comment on function postrider.grant_roles() is
  'Makes the five roles of Postrider, if the caller may, and grants each its privileges. Use it after a DBA has made missing roles, or after a restore. For each role it returns granted, or missing if a role that may create roles must make it first. For the owner of the schema; it can be repeated at any time.';
