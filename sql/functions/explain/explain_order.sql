create or replace function postrider_internal.explain_order(endpoint_id uuid, event_id uuid) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select case when e.ordered and o.ordering_key is null then ', in any order, because the event has no ordering_key' end
  from postrider.endpoint e
  left join postrider.outbox o on o.id = explain_order.event_id
  where e.id = explain_order.endpoint_id;
end;
comment on function postrider_internal.explain_order(uuid, uuid) is
  'That the event is sent in any order although the endpoint is ordered, because it has no ordering key; null otherwise.';
