create or replace function postrider_internal.place_pulled(endpoint_id uuid, acknowledged_place bigint, last_place bigint, wanted integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by advance_pull alone, under its planner settings, and while it holds the endpoint's position: so places are
-- committed in their order, however late the transactions that made the deliveries commit. A pending delivery with a place
-- that is acknowledged is one that is sent again. A claim makes its deliveries due at one time, and those go by the order of
-- their events, so they are placed together.
declare
  more_max constant integer := 1000;
  until timestamptz;
  placed integer;
begin
  until := coalesce((
    select d.next_attempt_at
    from postrider.delivery d
    where d.endpoint_id = place_pulled.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
      and (d.pull_place is null or d.pull_place <= acknowledged_place)
    order by d.next_attempt_at
    offset wanted - 1 limit 1), now());
  with due as (
    select d.event_id, d.endpoint_id, d.next_attempt_at
    from postrider.delivery d
    where d.endpoint_id = place_pulled.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= until
      and (d.pull_place is null or d.pull_place <= acknowledged_place)
    order by d.next_attempt_at
    limit wanted + more_max
    for update skip locked
  ), in_order as (
    select due.event_id, due.endpoint_id, last_place + row_number() over (order by due.next_attempt_at, o.seq, due.event_id) as place
    from due
    left join lateral (
      select i.seq from postrider.outbox i where i.id = due.event_id
      offset 0) o on true
  )
  update postrider.delivery d
  set pull_place = o.place
  from in_order o
  where d.event_id between o.event_id and o.event_id and d.endpoint_id = o.endpoint_id;
  get diagnostics placed = row_count;
  return placed;
end
$$;
comment on function postrider_internal.place_pulled(uuid, bigint, bigint, integer) is
  'Gives due deliveries of a pull endpoint the next places behind the last one: so many as are wanted, and those due at the same time as the last of them. Returns how many.';
