create or replace function postrider_internal.begin_action(action text, endpoint_id uuid, detail jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  audit_id uuid;
begin
  insert into postrider.audit (action, endpoint_id, detail)
  values (begin_action.action, begin_action.endpoint_id, coalesce(begin_action.detail, '{}'))
  returning id into audit_id;
  perform set_config('postrider.audit_id', audit_id::text, true);
end
$$;
comment on function postrider_internal.begin_action(text, uuid, jsonb) is
  'Opens a row in the audit. Until end_action(), every change adds to it what was there before and after.';
