create or replace function postrider_internal.insert_own_event(event_type text, payload json) returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  event_id uuid;
begin
  -- The trigger of inserts refuses our own types to whoever may not write this column, which is nobody but the owner.
  insert into postrider.outbox (event_type, payload, test_endpoint_id)
  values (insert_own_event.event_type, insert_own_event.payload, '00000000-0000-0000-0000-000000000000')
  returning id into event_id;
  update postrider.outbox o set test_endpoint_id = null where o.id = event_id;
  return event_id;
end
$$;
comment on function postrider_internal.insert_own_event(text, json) is
  'Inserts an event of one of Postrider''s own types, whoever the caller acts for, and returns its id.';
