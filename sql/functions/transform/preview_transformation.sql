-- grant: execute to operator

create or replace function postrider.preview_transformation(
  endpoint_id uuid, event_id uuid, out outcome text, out payload json, out headers jsonb, out problem text
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  plan postrider_internal.transformation_plan;
  event record;
  made record;
begin
  perform postrider_internal.require_endpoint(endpoint_id);
  perform postrider_internal.require_event(event_id);
  select o.payload, o.erased_at, postrider_internal.event_facts(o.id, o.event_type, o.created_at, o.tenant, o.ordering_key, o.attributes) as facts
  into event
  from postrider.outbox o
  where o.id = event_id;
  if event.erased_at is not null then
    raise exception 'event % was erased', event_id
      using errcode = 'object_not_in_prerequisite_state', detail = format('That was %s. What it said is gone.', postrider_internal.shown_time(event.erased_at));
  end if;
  plan := postrider_internal.plan_transformation(endpoint_id);
  if plan.endpoint_id is null then
    outcome := 'unchanged';
    payload := event.payload;
    return;
  end if;
  made := postrider_internal.transform_event(plan, event.payload, event.facts);
  problem := made.problem;
  headers := made.headers;
  outcome := case when problem is null then 'transformed' when plan.fallback = 'whole' then 'whole' else 'discarded' end;
  payload := case when outcome <> 'discarded' then coalesce(made.transformed::json, event.payload) end;
end
$$;
comment on function postrider.preview_transformation(uuid, uuid) is
  'What the transformation of an endpoint would make of an event now, whatever was sent already. Use it to try a path or a template before events rely on it. outcome: transformed, unchanged (the endpoint has no path anywhere), whole or discarded (it cannot be applied, for the problem); headers: those that have paths.';
