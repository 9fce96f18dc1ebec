create or replace function postrider_internal.cursor_behind(
  page_base pg_snapshot,
  page_target pg_snapshot,
  window_xid xid8,
  window_seq bigint,
  is_complete boolean,
  xids xid8[],
  seqs bigint[],
  page_asides xid8[],
  page_aside_seqs bigint[],
  ended_xids xid8[],
  out base pg_snapshot,
  out target pg_snapshot,
  out after_xid xid8,
  out after_seq bigint,
  out aside_xids xid8[],
  out aside_seqs bigint[]
)
language plpgsql immutable
-- Without a setting, as it reads no tables and runs for each page.
as $$
#variable_conflict use_column
declare
  last integer := cardinality(xids);
begin
  base := page_base;
  if is_complete then
    base := page_target;
  else
    target := page_target;
    -- The last event of the window; if the page has none, what the window has passed before.
    while xids[last] = any (page_asides) loop
      last := last - 1;
    end loop;
    after_xid := coalesce(xids[last], window_xid);
    after_seq := coalesce(seqs[last], window_seq);
  end if;
  if page_asides is not null then
    select array_agg(a.xid order by a.ordinality), array_agg(greatest(a.seq, r.seq) order by a.ordinality)
    into aside_xids, aside_seqs
    from unnest(page_asides, page_aside_seqs) with ordinality a (xid, seq)
    left join (
      select e.xid, max(e.seq) as seq
      from unnest(xids, seqs) e (xid, seq)
      group by e.xid) r on r.xid = a.xid
    where ended_xids is null or a.xid <> all (ended_xids);
  end if;
end
$$;
comment on function postrider_internal.cursor_behind(
  pg_snapshot, pg_snapshot, xid8, bigint, boolean, xid8[], bigint[], xid8[], bigint[], xid8[]) is
  'The cursor once these events (xids, seqs) of a page are claimed: the columns of that name of postrider.claim. The other parameters are of the page; is_complete and ended_xids hold only if all of its events are claimed.';
