create or replace function postrider_internal.note_change(
  action text, endpoint_id uuid, list_name text, before jsonb, after jsonb
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Anyone can set it to anything, and an audit of years is looked into by its key.
  audit_id constant uuid := substring(current_setting('postrider.audit_id', true)
    from '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$')::uuid;
  old_part constant jsonb := case when list_name is null then before else jsonb_build_object(list_name, jsonb_build_array(before)) end;
  new_part constant jsonb := case when list_name is null then after else jsonb_build_object(list_name, jsonb_build_array(after)) end;
begin
  if audit_id is not null then
    update postrider.audit a
    set before = case when note_change.before is null then a.before
                      else coalesce(a.before, '{}') || case when list_name is null then old_part
                        else jsonb_build_object(list_name, coalesce(a.before -> list_name, '[]') || (old_part -> list_name)) end end,
        after = case when note_change.after is null then a.after
                     else coalesce(a.after, '{}') || case when list_name is null then new_part
                       else jsonb_build_object(list_name, coalesce(a.after -> list_name, '[]') || (new_part -> list_name)) end end
    where a.id = audit_id and a.transaction_id = pg_current_xact_id() and a.endpoint_id is not distinct from note_change.endpoint_id;
    if found then
      return;
    end if;
  end if;
  insert into postrider.audit (action, endpoint_id, before, after)
  values (action, endpoint_id, case when note_change.before is not null then old_part end,
          case when note_change.after is not null then new_part end);
end
$$;
comment on function postrider_internal.note_change(text, uuid, text, jsonb, jsonb) is
  'Writes what was there before and after into the audit: into the row of the function that is running, or into a new one. list_name: the list that the value is an element of.';
