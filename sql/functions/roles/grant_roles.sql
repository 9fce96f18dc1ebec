-- Nothing is granted to PUBLIC, and no role but the owner may write to the tables of the engine: daemons and operators
-- change them by functions that act with the owner's rights. Such a function pins its search_path, so that no operator,
-- function or temporary table of the caller's is taken for one of ours, and runs no text that it is given. The audit's
-- actor is session_user: who logged in, and not the owner.
--
-- Default privileges cannot keep PUBLIC out of functions to come: those of a schema only add to the global ones, and to
-- change the global ones would change the owner's other schemas too. So grant_roles() takes back what PUBLIC was given,
-- every migration calls it last, and a test reads every access list there is.

create or replace function postrider.grant_roles() returns table (role_name text, outcome text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Everything is taken back and granted anew, in one transaction: what a release no longer grants is gone, and so is
-- what somebody granted to one of the four by hand. A site that wants more makes a role of its own.
declare
  entry record;
  grantees text;
begin
  -- The lock of migrations: two who grant at once would meet "tuple concurrently updated".
  perform pg_advisory_xact_lock(8101821198635721829);
  -- And so would one who grants beside one who defines an event type, which writes a function anew.
  perform from postrider.event_type_policy p for update;

  for entry in
    select r.name, r.purpose from (values
      ('postrider_publisher', 'Postrider: inserts events and reads back their ids.'),
      ('postrider_reader', 'Postrider: sees what happens, without payloads and secrets.'),
      ('postrider_operator', 'Postrider: sees payloads, changes endpoints, and steers deliveries.'),
      ('postrider_daemon', 'Postrider: what a daemon needs to deliver.')) r (name, purpose)
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
          null; -- roles belong to all databases of the cluster: another one was quicker
      end;
    end if;
    return next;
  end loop;

  grantees := concat_ws(', ', 'public', to_regrole('postrider_publisher'), to_regrole('postrider_reader'),
    to_regrole('postrider_operator'), to_regrole('postrider_daemon'));
  for entry in
    -- partitions are left out: whoever comes by their parent needs nothing on them, and nobody has anything
    select case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass as object
    from pg_class c
    where c.relnamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace) and c.relkind in ('r', 'p', 'v', 'm', 'S') and not c.relispartition
    union all
    select 'routine ' || p.oid::regprocedure from pg_proc p
    where p.pronamespace in ('postrider'::regnamespace, 'postrider_internal'::regnamespace)
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

  -- A restore of data alone ends with this: what it enforces is enforced from here on.
  perform postrider_internal.refresh_judged_event_types();
end
$$;
comment on function postrider.grant_roles() is
  'Makes the four roles of Postrider, if the caller may, and grants each its privileges. Use it after a DBA has made missing roles, or after a restore. For each role it returns granted, or missing if a role that may create roles must make it first. For the owner of the schema; it can be repeated at any time.';
