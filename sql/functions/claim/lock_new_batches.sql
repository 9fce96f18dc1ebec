create or replace function postrider_internal.lock_new_batches(
  endpoint_id uuid, due_since timestamptz, room integer, batch_size integer, batch_delay_ms integer, payload_bytes_max integer
) returns table (members uuid[])
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by lock_requests alone, under its planner settings.
declare
  -- Payloads of one batch.
  bytes_max constant integer := 1048576;
  -- As many as have room if their payloads are small: a unit of it is 32 KiB, and each delivery takes one more for itself.
  events_max constant integer := batch_size * ceil(room / ceil(batch_size / 32.0))::integer;
  -- So many are looked at, because between them may be some that go alone, or that another daemon has locked.
  looks_max constant integer := 2 * events_max + 50;
  delay constant interval := batch_delay_ms * interval '1 ms';
  due record;
  found record;
  bytes integer;
  first_due timestamptz;
begin
  -- Without a lock, because a batch that is not full is looked at often.
  select count(*) filter (where l.is_new) as n, max(l.next_attempt_at) as until into due
  from (
    select d.next_attempt_at, d.batch_id is null and postrider_internal.is_for_batch(d.attempts, d.attempts_before, d.replay_id) as is_new
    from postrider.delivery d
    where d.endpoint_id = lock_new_batches.endpoint_id and d.state = 'pending' and d.ordering_seq is null
      and d.next_attempt_at between due_since and now()
    order by d.next_attempt_at
    limit looks_max) l;
  if due.n < batch_size and due_since + delay > now() then
    return;
  end if;
  members := '{}';
  for found in
    select l.event_id, l.next_attempt_at, octet_length(e.payload::text) as bytes
    from (
      select d.event_id, d.next_attempt_at
      from postrider.delivery d
      where d.endpoint_id = lock_new_batches.endpoint_id and d.state = 'pending' and d.ordering_seq is null
        and d.next_attempt_at between due_since and due.until
        and d.batch_id is null and postrider_internal.is_for_batch(d.attempts, d.attempts_before, d.replay_id)
        and not exists (
          select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
      order by d.next_attempt_at
      limit events_max
      for update skip locked) l
    left join lateral postrider_internal.find_event(l.event_id, payload_bytes_max) e on true
    order by l.next_attempt_at
  loop
    if found.bytes is null then
      -- A payload that is too large to come with the lease goes alone.
      return query select array[found.event_id];
      continue;
    end if;
    if bytes + found.bytes > bytes_max then
      return next;
      members := '{}';
    end if;
    if members = '{}' then
      bytes := 0;
      first_due := found.next_attempt_at;
    end if;
    members := members || found.event_id;
    bytes := bytes + found.bytes;
    if cardinality(members) = batch_size then
      return next;
      members := '{}';
    end if;
  end loop;
  -- Of two daemons that share what is due, neither sends what is left sooner for that.
  if members <> '{}' and first_due + delay <= now() then
    return next;
  end if;
end
$$;
comment on function postrider_internal.lock_new_batches(uuid, timestamptz, integer, integer, integer, integer) is
  'Locks deliveries that have not been sent in a batch, the first of which has been due since then, and returns the members of each request: full batches, one that is not full if its first delivery has waited for long enough, and single deliveries that are too large for a batch.';
