create or replace function postrider_internal.objective_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
-- The audit reads alike, whoever's session writes it.
set timezone = 'UTC'
set intervalstyle = 'postgres'
as $$
declare
  old_row constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - 'id' end;
  new_row constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - 'id' end;
begin
  if old_row = new_row
    -- It was deleted with its endpoint, which has a row in the audit.
    or tg_op = 'DELETE' and old.endpoint_id is not null and not exists (select from postrider.endpoint e where e.id = old.endpoint_id)
  then
    return null;
  end if;
  perform postrider_internal.note_change(
    format('%s objective', lower(tg_op collate "C")), case tg_op when 'DELETE' then old.endpoint_id else new.endpoint_id end, null, old_row, new_row);
  return null;
end
$$;
comment on function postrider_internal.objective_audit() is 'Notes an edit of the objectives in the audit.';

create or replace trigger objective_audit after insert or update or delete on postrider.objective
  for each row execute function postrider_internal.objective_audit();
comment on trigger objective_audit on postrider.objective is 'Notes the edit in the audit.';
