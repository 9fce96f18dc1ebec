-- grant: execute to publisher

create or replace function postrider_internal.drop_capture(table_name regclass, event_type text) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  captured record;
  was_captured boolean := false;
begin
  for captured in
    select t.tgname from pg_trigger t
    where t.tgrelid = table_name and not t.tgisinternal and t.tgparentid = 0
      and t.tgname ~ '^(zz_)?postrider_(insert|update|delete|truncate|move|leave|arrive)_' and t.tgnargs = 6
      and (postrider_internal.trigger_arguments(t.tgargs))[1] = event_type
  loop
    execute format('drop trigger %I on %s', captured.tgname, table_name);
    was_captured := true;
  end loop;
  -- Functions whose triggers are gone: dropped just now, or with their tables at any time.
  for captured in
    select p.oid::regprocedure as signature from pg_proc p
    where p.pronamespace = (select c.relnamespace from pg_class c where c.oid = table_name)
      and p.proname ~ '^postrider_(capture|event)_'
      and obj_description(p.oid, 'pg_proc') ~ '^Made by postrider[.]capture'
      and pg_has_role(current_user, p.proowner, 'usage')
      and not exists (
        select from pg_trigger t join pg_proc u on u.oid = t.tgfoid
        where u.pronamespace = p.pronamespace and u.proname = replace(p.proname, 'postrider_event_', 'postrider_capture_'))
  loop
    execute format('drop function %s', captured.signature);
  end loop;
  return was_captured;
end
$$;
comment on function postrider_internal.drop_capture(regclass, text) is
  'Drops the triggers of a capture, and the functions of captures in that schema that have no triggers any more. Returns whether there was a capture.';
