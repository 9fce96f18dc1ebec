create or replace function postrider_internal.set_endpoint_state(endpoint_id uuid, state text, reason text, action text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform postrider_internal.lock_endpoint(endpoint_id);
  perform postrider_internal.begin_action(action, endpoint_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
  update postrider.endpoint e set state = state, state_reason = reason
  where e.id = endpoint_id and (e.state, e.state_reason) is distinct from (state, reason);
  perform postrider_internal.end_action();
end
$$;
comment on function postrider_internal.set_endpoint_state(uuid, text, text, text) is 'Changes the state of an endpoint, and notes who did it.';
