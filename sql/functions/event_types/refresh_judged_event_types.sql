create or replace function postrider_internal.refresh_judged_event_types() returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
  entry record;
begin
  perform postrider_internal.set_judged_event_types();
  -- pg_restore --disable-triggers enables them again, but not as ALWAYS triggers.
  for entry in
    select t.tgrelid::regclass as table_name, t.tgname as trigger_name
    from pg_trigger t
    where t.tgrelid in ('postrider.event_type'::regclass, 'postrider.event_type_policy'::regclass)
      and t.tgfoid = 'postrider_internal.write_judged_event_types'::regproc and t.tgenabled <> 'A'
  loop
    execute format('alter table %s enable always trigger %I', entry.table_name, entry.trigger_name);
  end loop;
exception
  when lock_not_available then
    null; -- another session is editing the catalogue, or correcting the list: maintain() looks again
end
$$;
comment on function postrider_internal.refresh_judged_event_types() is
  'Makes inserts obey the catalogue after a restore or a copy; maintain(), adopt() and grant_roles() call it. Writes nothing if all is as it should be.';
