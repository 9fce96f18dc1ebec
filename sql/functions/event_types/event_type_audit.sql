create or replace function postrider_internal.event_type_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  ours constant text[] := '{checks,predicate,value_steps,object_steps,byte_steps,created_at,updated_at,changed_at,only_row}';
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - ours end;
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - ours end;
begin
  if old_row = new_row then
    return null;
  elsif tg_op = 'UPDATE' then
    -- The name stays, to say which type it is about.
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key) into old_row, new_row
    from jsonb_each(old_row) o
    where o.key = 'name' or o.value <> new_row -> o.key;
  end if;
  perform postrider_internal.note_change(format('%s %s', lower(tg_op collate "C"), tg_table_name), null, null, old_row, new_row);
  return null;
end
$$;
comment on function postrider_internal.event_type_audit() is 'Notes in the audit an edit of the catalogue or of the policy for unknown types.';

create or replace trigger event_type_audit after insert or update or delete on postrider.event_type
  for each row execute function postrider_internal.event_type_audit();
comment on trigger event_type_audit on postrider.event_type is 'Notes the edit in the audit.';

create or replace trigger event_type_policy_audit after insert or update or delete on postrider.event_type_policy
  for each row execute function postrider_internal.event_type_audit();
comment on trigger event_type_policy_audit on postrider.event_type_policy is 'Notes the edit in the audit.';
