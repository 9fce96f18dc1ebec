create or replace function postrider_internal.set_endpoint_state(endpoint_id uuid, state text, reason text, action text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  present record;
begin
  perform postrider_internal.lock_endpoint(endpoint_id);
  select e.state, e.state_reason, e.state_changed_at, e.circuit_opened_at into present from postrider.endpoint e where e.id = endpoint_id;
  perform postrider_internal.begin_action(action, endpoint_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
  if present.state <> state or present.state_reason <> reason or present.state_reason is null and reason is not null then
    update postrider.endpoint e set state = state, state_reason = reason where e.id = endpoint_id;
  elsif state = 'active' and present.circuit_opened_at is not null then
    update postrider.endpoint e set circuit_opened_at = null where e.id = endpoint_id;
  else
    raise notice 'nothing changed: endpoint % has been % since %', endpoint_id,
      present.state || coalesce(' (' || present.state_reason || ')', ''), postrider_internal.shown_time(present.state_changed_at);
  end if;
  perform postrider_internal.end_action();
end
$$;
comment on function postrider_internal.set_endpoint_state(uuid, text, text, text) is
  'Changes the state of an endpoint, and notes who did it. An active endpoint that is made active has its circuit closed. Otherwise, if it has that state already, a notice says that nothing changed, unless another reason is given.';
