create or replace function postrider_internal.put_in_order(endpoint_id uuid) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by find_heads alone, under its planner settings. Claims, redeliveries and replays give a place at once. The others
-- are from before the endpoint was ordered: retries, what a daemon has handed back, and what waited while it was paused.
-- Nothing is locked if there are none, because what has no key is looked at again by each walk until it is leased.
declare
  looks_max constant integer := 500;
  keyed uuid[];
  put_count integer;
begin
  keyed := array(
    select due.event_id
    from (
      select d.event_id
      from postrider.delivery d
      where d.endpoint_id = put_in_order.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
      order by d.next_attempt_at
      limit looks_max) due
    where exists (
      select from postrider.outbox o where o.id = due.event_id and o.ordering_key is not null
      offset 0));
  if cardinality(keyed) = 0 then
    return 0;
  end if;
  -- Nothing of a key is leased while one that goes before it is given its place.
  if not postrider_internal.lock_walk(endpoint_id) then
    return null;
  end if;
  with due as (
    select l.event_id, l.endpoint_id, o.ordering_key, o.seq
    from (select unnest(keyed) as event_id) k
    cross join lateral (
      select d.event_id, d.endpoint_id
      from postrider.delivery d
      where d.event_id = k.event_id and d.endpoint_id = put_in_order.endpoint_id
        and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
      for update skip locked) l
    cross join lateral (
      select i.ordering_key, i.seq
      from postrider.outbox i
      where i.id = k.event_id and i.ordering_key is not null
      offset 0) o
  )
  update postrider.delivery d
  set ordering_key = due.ordering_key, ordering_seq = due.seq, leased_by = null, lease_expires_at = null, batch_id = null
  from due
  -- Not the parameter: with a constant, the planner may read all deliveries of the endpoint once instead of each by its key.
  where d.event_id between due.event_id and due.event_id and d.endpoint_id = due.endpoint_id;
  get diagnostics put_count = row_count;
  return put_count;
end
$$;
comment on function postrider_internal.put_in_order(uuid) is
  'Gives due deliveries of an ordered endpoint their place among those of their key, if they have none and their event has a key, and returns how many. Null if there are some, and another daemon is leasing from the endpoint.';
