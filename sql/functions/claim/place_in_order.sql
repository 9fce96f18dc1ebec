create or replace function postrider_internal.place_in_order(event_id uuid, endpoint_id uuid, is_wanted boolean)
returns table (ordering_key text, ordering_seq bigint)
language sql stable
-- Without a setting, so that Postgres inlines it: if it is not wanted, nothing is read.
begin atomic
  select o.ordering_key, o.seq
  from (select e.id from postrider.endpoint e where place_in_order.is_wanted and e.id = place_in_order.endpoint_id and e.ordered offset 0) e
  cross join lateral (
    select i.ordering_key, i.seq
    from postrider.outbox i
    where i.id = place_in_order.event_id and i.ordering_key is not null
    offset 0) o
  offset 0;
end;
comment on function postrider_internal.place_in_order(uuid, uuid, boolean) is
  'The place of a delivery among those of its ordering key, if it is wanted and the endpoint is ordered; no row if it has none.';
