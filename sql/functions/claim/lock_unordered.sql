create or replace function postrider_internal.lock_unordered(endpoint_id uuid, deliveries_max integer) returns uuid[]
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lease_ordered alone, under its planner settings.
begin
  return array(
    select d.event_id
    from postrider.delivery d
    where d.endpoint_id = lock_unordered.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
      and not exists (
        select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
      -- What has a key waits for its place in the order.
      and not exists (
        select from postrider.outbox o where o.id = d.event_id and o.ordering_key is not null
        offset 0)
    order by d.next_attempt_at
    limit deliveries_max
    for update skip locked);
end
$$;
comment on function postrider_internal.lock_unordered(uuid, integer) is
  'Locks due deliveries of an ordered endpoint whose events have no key, up to a limit, and returns their events.';
