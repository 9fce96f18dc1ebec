create or replace function postrider_internal.set_unknown_types(unknown_types text, action text, reason text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform postrider_internal.begin_action(action, null, jsonb_build_object('reason', reason));
  insert into postrider.event_type_policy as p (unknown_types) values (set_unknown_types.unknown_types)
  on conflict on constraint event_type_policy_pkey do update set unknown_types = excluded.unknown_types, changed_at = clock_timestamp();
  perform postrider_internal.end_action();
end
$$;
comment on function postrider_internal.set_unknown_types(text, text, text) is
  'Sets whether events of unknown types are refused, and notes it in the audit as this action.';
