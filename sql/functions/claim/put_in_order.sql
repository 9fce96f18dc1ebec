create or replace function postrider_internal.put_in_order(endpoint_id uuid) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by find_heads alone, under its planner settings. Claims, redeliveries and replays give a place at once. The others
-- are from before the endpoint was ordered: retries, what a daemon has handed back, and what waited while it was paused.
declare
  looks_max constant integer := 500;
  put_count integer;
begin
  with due as (
    select d.event_id, d.endpoint_id
    from postrider.delivery d
    where d.endpoint_id = put_in_order.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
    order by d.next_attempt_at
    limit looks_max
    for update skip locked
  ), keyed as (
    select due.event_id, due.endpoint_id, o.ordering_key, o.seq
    from due
    cross join lateral (
      select i.ordering_key, i.seq
      from postrider.outbox i
      where i.id = due.event_id and i.ordering_key is not null
      offset 0) o
  )
  update postrider.delivery d
  set ordering_key = k.ordering_key, ordering_seq = k.seq, leased_by = null, lease_expires_at = null, batch_id = null
  from keyed k
  -- Not the parameter: with a constant, the planner may read all deliveries of the endpoint once instead of each by its key.
  where d.event_id between k.event_id and k.event_id and d.endpoint_id = k.endpoint_id;
  get diagnostics put_count = row_count;
  return put_count;
end
$$;
comment on function postrider_internal.put_in_order(uuid) is
  'Gives due deliveries of an ordered endpoint their place among those of their key, if they have none and their event has a key, and returns how many.';
