create or replace function postrider_internal.lock_requests(
  endpoint_id uuid,
  event_id uuid,
  batch_id uuid,
  new_since timestamptz,
  room integer,
  batch_size integer,
  batch_delay_ms integer,
  payload_bytes_max integer
) returns table (members uuid[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lease_batches alone, under its planner settings.
begin
  if batch_id is not null then
    members := postrider_internal.lock_batch(endpoint_id, batch_id);
  elsif new_since is not null then
    return query
      select b.members
      from postrider_internal.lock_new_batches(endpoint_id, new_since, room, batch_size, batch_delay_ms, payload_bytes_max) b;
    return;
  else
    members := array(
      select l.event_id
      from (
        select d.event_id, d.state, d.batch_id, d.next_attempt_at
        from postrider.delivery d
        where d.event_id = lock_requests.event_id and d.endpoint_id = lock_requests.endpoint_id
        offset 0
        for update skip locked) l
      where l.state = 'pending' and l.batch_id is null and l.next_attempt_at <= now());
  end if;
  if cardinality(members) > 0 then
    return next;
  end if;
end
$$;
comment on function postrider_internal.lock_requests(uuid, uuid, uuid, timestamptz, integer, integer, integer, integer) is
  'Locks what can be sent, beginning with the delivery that is due first, and returns the members of each request: of the batch that it was sent in, of new batches if it has been due since new_since and in none, or itself.';
