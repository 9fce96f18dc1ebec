-- grant: execute to publisher

create or replace function postrider_internal.note_failed_capture(captured_type text, relid oid, change json, problem text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Publishers may not insert events of our own types, but may call this, as the owner of a captured table.
  if pg_trigger_depth() = 0 or not exists (
    select from pg_trigger t
    where t.tgrelid = relid and t.tgname ~ '^postrider_(insert|update|delete)_'
      and (postrider_internal.trigger_arguments(t.tgargs))[1] = captured_type)
  then
    raise exception 'changes of % are not captured as events %', relid::regclass, to_json(captured_type) using errcode = 'insufficient_privilege';
  end if;
  perform postrider_internal.insert_own_event('postrider.capture.failed', json_build_object('event_type', captured_type, 'error', problem, 'change', change));
end
$$;
comment on function postrider_internal.note_failed_capture(text, oid, json, text) is
  'Inserts an event postrider.capture.failed: the change of a captured row of which no event could be made, and why.';
