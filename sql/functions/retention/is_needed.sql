-- Retention removes whole days: an event, its deliveries and its attempts are in partitions with the same bounds. A day
-- is first emptied by truncate, which locks only its own partitions, and dropped later, because dropping locks the
-- parent, which waits for every transaction that has inserted an event. No lock is waited for longer than 50 ms,
-- because inserts queue behind the waiting session (without that limit an insert waited 2.2 s behind one open writer),
-- and an empty partition does no harm in the meantime.
create or replace function postrider_internal.is_needed(lower_bound uuid, upper_bound uuid) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  base pg_snapshot;
  aside_xids xid8[];
  aside_seqs bigint[];
begin
  select c.base, c.aside_xids, c.aside_seqs into strict base, aside_xids, aside_seqs
  from postrider.claim c
  order by c.id desc
  limit 1;
  -- Each reads an index in its own order, and the first entry decides.
  perform from postrider.outbox o
  where o.xid >= pg_snapshot_xmin(base) and not pg_visible_in_snapshot(o.xid, base) and o.id >= lower_bound and o.id < upper_bound
  order by o.xid, o.seq
  limit 1;
  if found then
    return true;
  end if;
  perform from unnest(aside_xids, aside_seqs) a (xid, seq)
  cross join lateral (
    select from postrider.outbox o
    where o.xid = a.xid and o.seq > a.seq and o.id >= lower_bound and o.id < upper_bound
    order by o.xid, o.seq
    limit 1) o;
  if found then
    return true;
  end if;
  perform from postrider.delivery d
  where d.finished_at is null and d.event_id >= lower_bound and d.event_id < upper_bound
  order by d.endpoint_id, d.event_id
  limit 1;
  return found
    or exists (
      select from postrider.delivery d
      where d.ordering_seq is not null and d.state = 'exhausted' and d.halts and d.event_id >= lower_bound and d.event_id < upper_bound)
    -- This includes a claim that is recorded but not deleted yet: the next look at it reads the deliveries of its
    -- pairs.
    or exists (
      select from postrider.claim c, unnest(c.event_ids) e (id)
      where e.id >= lower_bound and e.id < upper_bound)
    or exists (
      select from postrider.replay r
      where r.state = 'preparing' and r.after_event < upper_bound and postrider_internal.replay_end(r.until) > lower_bound);
end
$$;
comment on function postrider_internal.is_needed(uuid, uuid) is
  'Whether an event with an id in this range is unclaimed, in a daemon''s hand, undelivered, about to be replayed, or halts its ordering key.';
