-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.count_unclaimed(counted_max integer)
returns table (unclaimed bigint, is_exact boolean, oldest_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- The ranges that postrider_internal.claim_events will read, and in about its order, as far as this snapshot sees them.
declare
  cursor_row record;
  ended xid8[];
begin
  select c.base, c.target, coalesce(c.after_xid, '0') as after_xid, coalesce(c.after_seq, 0) as after_seq, c.aside_xids, c.aside_seqs
  into cursor_row
  from postrider.claim c
  order by c.id desc
  limit 1;
  ended := array(
    -- transactions open in base that have ended since, except those that the page has passed
    select x from pg_snapshot_xip(cursor_row.base) x
    where pg_visible_in_snapshot(x, pg_current_snapshot())
      and (cursor_row.target is null or not pg_visible_in_snapshot(x, cursor_row.target) or x >= cursor_row.after_xid)
    union all
    -- transactions that the page skipped because they were open in its target
    select x from pg_snapshot_xip(cursor_row.target) x
    where pg_visible_in_snapshot(x, pg_current_snapshot())
      and x >= pg_snapshot_xmax(cursor_row.base) and x <= cursor_row.after_xid);
  unclaimed := 0;
  -- One after another, because each looks into the partition of every day, and mostly only the last is needed.
  if cardinality(ended) > 0 or cardinality(cursor_row.aside_xids) > 0 then
    select count(*), min(w.created_at) into unclaimed, oldest_at
    from (
      select o.created_at
      from (
        select s.xid, case when s.xid = cursor_row.after_xid then cursor_row.after_seq else 0 end as seq
        from unnest(ended) s (xid)
        union all
        -- what is aside
        select a.xid, a.seq from unnest(cursor_row.aside_xids, cursor_row.aside_seqs) a (xid, seq)) waiting
      cross join lateral (
        select i.created_at
        from postrider.outbox i
        where i.xid = waiting.xid and i.seq > waiting.seq
        order by i.xid, i.seq
        limit counted_max + 1) o
      limit counted_max + 1) w;
  end if;
  -- The rest of the transaction at which the page stopped. Without a page there is no such transaction, and 0 is that of tests
  -- and erasures.
  if unclaimed <= counted_max and cursor_row.target is not null and not cursor_row.after_xid = any (ended) then
    select unclaimed + count(*), least(oldest_at, min(w.created_at)) into unclaimed, oldest_at
    from (
      select i.created_at
      from postrider.outbox i
      where i.xid = cursor_row.after_xid and i.seq > cursor_row.after_seq
      order by i.xid, i.seq
      limit counted_max + 1 - unclaimed) w;
  end if;
  -- Everything behind it.
  if unclaimed <= counted_max then
    select unclaimed + count(*), least(oldest_at, min(w.created_at)) into unclaimed, oldest_at
    from (
      select i.created_at
      from postrider.outbox i
      where i.xid >= pg_snapshot_xmax(cursor_row.base) and i.xid > cursor_row.after_xid
      order by i.xid, i.seq
      limit counted_max + 1 - unclaimed) w;
  end if;
  is_exact := unclaimed <= counted_max;
  unclaimed := least(unclaimed, counted_max);
  return next;
end
$$;
comment on function postrider_internal.count_unclaimed(integer) is
  'Events that no daemon has claimed, counted up to a limit. is_exact is false if there are more; oldest_at is then the oldest of those that are claimed next.';
