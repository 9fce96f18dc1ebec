create or replace function postrider_internal.apply_state(endpoint_id uuid, state text, reason text)
returns table (before jsonb, after jsonb, note text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  present record;
begin
  select e.state, e.state_reason into present from postrider.endpoint e where e.id = endpoint_id;
  if state is null or present.state = state and (reason is null or reason is not distinct from present.state_reason) then
    return;
  end if;
  before := to_jsonb(present.state || coalesce(' (' || present.state_reason || ')', ''));
  if state = 'disabled' then
    note := postrider_internal.ended_deliveries(endpoint_id);
    perform postrider.disable_endpoint(endpoint_id, reason);
  elsif present.state = 'disabled' then
    -- It may be paused then, as it was before it was disabled.
    perform postrider.enable_endpoint(endpoint_id);
  end if;
  if state = 'paused' then
    perform postrider.pause_endpoint(endpoint_id, reason);
  elsif state = 'active' then
    perform postrider.resume_endpoint(endpoint_id)
    from postrider.endpoint e where e.id = endpoint_id and e.state <> 'active';
  end if;
  select to_jsonb(e.state || coalesce(' (' || e.state_reason || ')', '')) into after from postrider.endpoint e where e.id = endpoint_id;
  return next;
end
$$;
comment on function postrider_internal.apply_state(uuid, text, text) is
  'Brings an endpoint into a state by the functions that people call, and returns the old and the new one. Null leaves it as it is, and so does a reason that is left out.';
