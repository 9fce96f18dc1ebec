create or replace function postrider_internal.insert_own_event(event_type text, payload json) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  -- The trigger of inserts refuses our own types to whoever may not write this column, which is nobody but the owner. It
  -- takes this value for what it is, and stores none.
  insert into postrider.outbox (event_type, payload, test_endpoint_id)
  values (insert_own_event.event_type, insert_own_event.payload, '00000000-0000-0000-0000-000000000000');
end;
comment on function postrider_internal.insert_own_event(text, json) is
  'Inserts an event of one of Postrider''s own types, whoever the caller acts for.';
