create or replace function postrider_internal.find_heads(
  endpoint_id uuid, is_ordered boolean, keys_max integer, next_attempt_at timestamptz, rows_left integer
) returns postrider_internal.found_heads
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by claim_deliveries alone, under its planner settings. One probe a key: the deliveries behind the first one of a
-- key are not read. Nothing is locked or written if all have their place, so keys that wait cost a walk these probes and no
-- more.
declare
  -- A million keys that wait for a retry are stepped over so many at a time.
  steps_max constant integer := 500;
  -- So many deliveries of a key are leased together: as many as are sent between two walks if a request takes a millisecond.
  run_max constant integer := 64;
  -- The claim that completes the window of an event, or reads the rest of a transaction before it, is moments away.
  window_wait constant interval := '25 ms';
  steps_wait constant interval := '50 ms';
  -- If none of them is leased, because another daemon is leasing, or an operator has them locked.
  lock_wait constant interval := '100 ms';
  heads postrider_internal.found_heads;
  began_after text;
  base pg_snapshot;
  aside_seqs bigint[];
  head record;
  steps integer := 0;
  put_count integer;
begin
  if not is_ordered then
    if postrider_internal.take_out_of_order(find_heads.endpoint_id) > 0 then
      heads.next_due := now();
    end if;
    return heads;
  end if;
  heads.is_ordered := true;
  heads.moves := false;
  heads.has_others := coalesce(find_heads.next_attempt_at <= now(), false);
  heads.next_due := case when find_heads.next_attempt_at > now() then find_heads.next_attempt_at end;
  if heads.has_others then
    put_count := postrider_internal.put_in_order(find_heads.endpoint_id);
    if put_count is distinct from 0 then
      -- There may be more of them, which come before what is in order already.
      heads.next_due := now() + case when put_count is null then lock_wait else interval '0' end;
      return heads;
    end if;
  end if;
  select w.after_key into began_after from postrider.ordered_walk w where w.endpoint_id = find_heads.endpoint_id;
  -- Before the deliveries, so that all deliveries of the claims up to this one can be seen.
  select c.base, c.aside_seqs into base, aside_seqs from postrider.claim c order by c.id desc limit 1;
  for head in
    with recursive head as (
      (select d.event_id, d.ordering_key, d.ordering_seq, d.state, d.leased_by, d.next_attempt_at
       from postrider.delivery d
       where d.endpoint_id = find_heads.endpoint_id and d.ordering_key > coalesce(began_after, '')
         and d.ordering_seq is not null and (d.state = 'pending' or d.state = 'exhausted' and d.halts)
       order by d.endpoint_id, d.ordering_key, (d.leased_by is null), d.ordering_seq
       limit 1)
      union all
      select n.event_id, n.ordering_key, n.ordering_seq, n.state, n.leased_by, n.next_attempt_at
      from head h
      cross join lateral (
        select d.event_id, d.ordering_key, d.ordering_seq, d.state, d.leased_by, d.next_attempt_at
        from postrider.delivery d
        where d.endpoint_id = find_heads.endpoint_id and d.ordering_key > h.ordering_key
          and d.ordering_seq is not null and (d.state = 'pending' or d.state = 'exhausted' and d.halts)
        order by d.endpoint_id, d.ordering_key, (d.leased_by is null), d.ordering_seq
        limit 1) n
    )
    select h.ordering_key, h.state, h.next_attempt_at, h.leased_by is not null as is_leased,
           h.ordering_seq <= all (coalesce(aside_seqs, '{}')) and coalesce(pg_visible_in_snapshot(o.xid, base), true) as is_next
    from head h
    left join lateral (
      select i.xid
      from postrider.outbox i
      where i.id = h.event_id and h.state = 'pending' and h.next_attempt_at <= now()
      offset 0) o on true
    limit steps_max
  loop
    steps := steps + 1;
    heads.after_key := head.ordering_key;
    if head.state = 'pending' and head.next_attempt_at > now() then
      heads.next_due := least(heads.next_due, head.next_attempt_at);
    elsif head.state = 'pending' and not head.is_next then
      heads.next_due := least(heads.next_due, now() + window_wait);
    elsif head.state = 'pending' then
      heads.keys := heads.keys || head.ordering_key;
      heads.has_expired := coalesce(heads.has_expired, false) or head.is_leased;
      exit when cardinality(heads.keys) = keys_max;
    end if;
  end loop;
  if steps = steps_max or cardinality(heads.keys) = keys_max or began_after is not null then
    -- The rest of the way, or the beginning of the next one.
    heads.next_due := least(heads.next_due, now() + case when heads.keys is null then steps_wait else interval '0' end);
  elsif heads.keys is not null then
    heads.next_due := least(heads.next_due, now() + lock_wait);
  end if;
  if steps < steps_max and cardinality(heads.keys) is distinct from keys_max then
    heads.after_key := null;
  end if;
  heads.moves := heads.after_key is distinct from began_after;
  heads.run_length := greatest(1, least(run_max, least(greatest(2 * keys_max, run_max), rows_left) / cardinality(heads.keys)));
  return heads;
end
$$;
comment on function postrider_internal.find_heads(uuid, boolean, integer, timestamptz, integer) is
  'The keys of an ordered endpoint whose first delivery may be sent now, up to keys_max of them. It may if it is due, nothing of its key is in progress or halts it, and everything that was committed before it has been claimed. next_attempt_at: when the first one comes due that has no place in the order; rows_left: how many deliveries the daemon can take, of which each key gets a part. If the endpoint is not ordered any more, takes what waits out of the order.';
