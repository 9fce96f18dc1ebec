create or replace function postrider_internal.require_sendable(event_id uuid, endpoint_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  event record;
  owner text;
begin
  if endpoint_id is not null then
    perform postrider_internal.require_enabled_endpoint(endpoint_id);
  end if;
  perform postrider_internal.require_event(event_id);
  select o.tenant, o.erased_at into event from postrider.outbox o where o.id = event_id;
  if event.erased_at is not null then
    raise exception 'event % was erased', event_id
      using errcode = 'object_not_in_prerequisite_state', detail = format('That was %s. What it said is gone.', postrider_internal.shown_time(event.erased_at));
  end if;
  select e.tenant into owner from postrider.endpoint e where e.id = endpoint_id;
  if owner <> event.tenant then
    raise exception 'endpoint % does not belong to the tenant of event %', endpoint_id, event_id
      using errcode = 'object_not_in_prerequisite_state', detail = 'The endpoint has moved to another tenant since. Events go to endpoints of their own tenant only.';
  end if;
end
$$;
comment on function postrider_internal.require_sendable(uuid, uuid) is
  'Raises an error if there is no such event, or it may not be sent to that endpoint (null for any), because the endpoint does not exist, is disabled, or belongs to another tenant.';
