create or replace function postrider_internal.refuse_redelivery(event_id uuid, endpoint_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  receiver constant text := coalesce('endpoint ' || endpoint_id, 'any endpoint');
begin
  if exists (
    select from postrider.in_flight f
    where f.event_id = event_id and (endpoint_id is null or f.endpoint_id = endpoint_id))
  then
    raise exception 'the delivery of event % to % is in flight', event_id, receiver
      using errcode = 'object_in_use', hint = 'Wait for its end: it is in postrider.in_flight.';
  end if;
  raise exception 'there is no delivery of event % to %', event_id, receiver || case when endpoint_id is null then ' that could be made again' else '' end
    using errcode = 'no_data_found',
      hint = 'postrider.explain_event(event_id) says why: it did not match, has not been claimed yet'
        || case when endpoint_id is null then ', was cancelled, or its endpoint is disabled. Name the endpoint to send again what was cancelled.' else '.' end;
end
$$;
comment on function postrider_internal.refuse_redelivery(uuid, uuid) is
  'Says why a delivery (or, without an endpoint, any of the event) cannot be made again.';
