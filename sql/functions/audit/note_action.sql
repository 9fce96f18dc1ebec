create or replace function postrider_internal.note_action(action text, endpoint_id uuid, event_id uuid, detail jsonb) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  insert into postrider.audit (action, endpoint_id, event_id, detail)
  values (note_action.action, note_action.endpoint_id, note_action.event_id, coalesce(note_action.detail, '{}'));
end;
comment on function postrider_internal.note_action(text, uuid, uuid, jsonb) is
  'Adds a row to the audit for an action that changes no endpoint, subscription or secret.';
