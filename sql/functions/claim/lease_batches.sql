create or replace function postrider_internal.lease_batches(
  daemon_id uuid,
  endpoint_id uuid,
  room integer,
  batch_size integer,
  batch_delay_ms integer,
  lease_ms integer,
  payload_bytes_max integer,
  requests_allowed integer
) returns setof postrider_internal.leased_delivery
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lease_deliveries alone, under its planner settings. In the order of being due: batches that were sent before,
-- each whole or not at all; new batches, as many as there is room for at once; and deliveries that go alone.
declare
  -- As src/daemon/claim/batches.ts counts them.
  room_bytes constant integer := 32768;
  member_bytes constant integer := 1024;
  -- Once the new batches are made, fewer new ones are left than a batch has, or another daemon has them locked.
  looks_max constant integer := 2000;
  requests_max integer := requests_allowed;
  passed_over uuid[] := '{}';
  makes_new boolean := true;
  head record;
  members uuid[];
  batch uuid;
  leased postrider_internal.leased_delivery;
  bytes bigint;
  has_leased boolean;
begin
  while room > 0 and coalesce(requests_max > 0, true) loop
    select d.event_id, d.batch_id, d.next_attempt_at, d.is_new into head
    from (
      select w.event_id, w.endpoint_id, w.batch_id, w.next_attempt_at,
             w.batch_id is null and postrider_internal.is_for_batch(w.attempts, w.attempts_before, w.replay_id) as is_new
      from postrider.delivery w
      where w.endpoint_id = lease_batches.endpoint_id and w.state = 'pending' and w.ordering_seq is null and w.next_attempt_at <= now()
        and w.event_id <> all (passed_over) and (w.batch_id is null or w.batch_id <> all (passed_over))
      order by w.next_attempt_at
      limit looks_max) d
    where (makes_new or not d.is_new)
      and not exists (
        select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
    order by d.next_attempt_at
    limit 1;
    exit when not found;
    has_leased := false;
    for members in
      select r.members
      from postrider_internal.lock_requests(
        endpoint_id, head.event_id, head.batch_id, case when head.is_new then head.next_attempt_at end, room, batch_size, batch_delay_ms,
        payload_bytes_max) r
    loop
      exit when room <= 0 or requests_max = 0;
      has_leased := true;
      -- If no payloads are read, they go alone: one of them cannot be read, and must keep no other.
      batch := case when cardinality(members) > 1 and payload_bytes_max > 0 then postrider_internal.batch_id(endpoint_id, members) end;
      if batch is null then
        members := members[:coalesce(requests_max, cardinality(members))];
      end if;
      bytes := 0;
      for leased in
        select l.event_id, l.attempts, l.attempts_before, l.is_again, l.deliver_at_ms, l.event_type, l.created_at, l.context, l.payload, l.batch_id, l.ordering_seq
        from postrider_internal.lease_members(
          daemon_id, endpoint_id, members, batch, lease_ms, payload_bytes_max, requests_max is not null) l
      loop
        bytes := bytes + member_bytes + coalesce(octet_length(leased.payload::text), 0);
        return next leased;
      end loop;
      room := room - ceil(bytes::numeric / room_bytes);
      requests_max := requests_max - case when batch is null then cardinality(members) else 1 end;
    end loop;
    if head.is_new then
      makes_new := false;
    elsif not has_leased then
      passed_over := passed_over || coalesce(head.batch_id, head.event_id);
    end if;
  end loop;
  if requests_allowed is not null then
    perform postrider_internal.take_allowance(endpoint_id, requests_allowed - requests_max);
  end if;
end
$$;
comment on function postrider_internal.lease_batches(uuid, uuid, integer, integer, integer, integer, integer, integer) is
  'Leases due deliveries of an endpoint that gets batches, until they take up that much room, one unit of which is 32 KiB. What has the same batch_id goes in one request; what has none goes alone. requests_allowed: how many requests the endpoint''s limits allow; null if it has none.';
