create or replace function postrider_internal.take_mixed(
  base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, aside_xids xid8[], aside_seqs bigint[],
  turn integer, events_max integer, aside_max integer, payload_bytes_max integer
) returns postrider_internal.claim_page
language plpgsql volatile -- each statement must see what was committed since the claim lock was taken
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- So many transactions are aside at once; further large ones are read in order until one of these ends.
  asides_max constant integer := 100;
  -- So many of them are put aside by one claim, because it reads a page of each.
  put_max constant integer := 16;
  end_of_transaction constant bigint := 9223372036854775807;
  share constant integer := greatest((events_max + turn) / 2, events_max - aside_max);
  window_max integer := case when aside_xids is null then events_max else share end;
  page postrider_internal.claim_page;
  ended_xids xid8[];
  put_count integer := 0;
  window_count integer := 0;
begin
  page.base := base;
  page.target := target;
  page.after_xid := after_xid;
  page.after_seq := after_seq;
  while window_max > 0 loop
    page := postrider_internal.take_window(base, target, after_xid, after_seq, window_max, payload_bytes_max);
    window_count := coalesce(cardinality(page.ids), 0);
    exit when window_count < window_max or page.xids[1] <> page.xids[window_max]
      or put_count = put_max or cardinality(aside_xids) >= asides_max
      or not exists (
        select from postrider.outbox i where i.xid = page.xids[1] and i.seq > page.seqs[window_max]);
    put_count := put_count + 1;
    aside_xids := aside_xids || page.xids[1];
    aside_seqs := aside_seqs || page.seqs[1] - 1;
    base := page.base;
    target := page.target;
    after_xid := page.xids[1];
    after_seq := end_of_transaction;
    window_max := greatest(1, share);
  end loop;
  page.aside_xids := aside_xids;
  page.aside_seqs := aside_seqs;
  if aside_xids is not null and window_count < events_max and aside_max > 0 then
    page := postrider_internal.take_asides(page, turn, least(events_max - window_count, aside_max), payload_bytes_max);
  end if;
  if page.ids is null and window_max = 0 then
    -- What is aside has gone meanwhile: it is the window's turn.
    ended_xids := page.ended_xids;
    page := postrider_internal.take_window(base, target, after_xid, after_seq, events_max, payload_bytes_max);
    page.aside_xids := aside_xids;
    page.aside_seqs := aside_seqs;
    page.ended_xids := ended_xids;
  end if;
  page.must_move := page.ids is null and (page.must_move or put_count > 0 or cardinality(page.ended_xids) > 0);
  return page;
end
$$;
comment on function postrider_internal.take_mixed(
  pg_snapshot, pg_snapshot, xid8, bigint, xid8[], bigint[], integer, integer, integer, integer) is
  'The next events of the window and of what is aside, up to events_max of them, aside_max of the latter. Puts a transaction aside that has more events than the window''s part of the page, and continues behind it. turn: 0 or 1, alternating; the larger half of a page and its first event are the window''s if it is 1.';
