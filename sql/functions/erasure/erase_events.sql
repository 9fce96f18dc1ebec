create or replace function postrider_internal.erase_events(event_ids uuid[], out discarded bigint, out in_flight bigint)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- An erased event keeps its id, its type, its tenant and its times, so that counts and the audit stay true. It gets the id
-- of no transaction, which every cursor has passed: what was not claimed is never claimed. A daemon that has a delivery in
-- hand finds the mark, starts nothing more, and records the answer of a request in progress without what it said.
declare
  erased_xid constant xid8 := '0';
  ended record;
begin
  if exists (
    select from postrider.outbox o where o.id = any (erase_events.event_ids) and not postrider_internal.is_claimed(o.xid, o.seq))
  then
    -- A claim that is in progress has the payload, and its pairs must be seen here.
    lock table only postrider.claim_lock in share update exclusive mode;
  end if;
  update postrider.outbox o
  set payload = 'null', attributes = null, ordering_key = null, idempotency_key = null, xid = erased_xid, erased_at = clock_timestamp()
  where o.id = any (erase_events.event_ids);
  delete from postrider.idempotency_key k where k.event_id = any (erase_events.event_ids);

  ended := postrider_internal.end_deliveries(erase_events.event_ids, null, 'the event was erased', replaces_marks => true);
  discarded := ended.discarded;
  in_flight := ended.marked;
  perform postrider_internal.blank_answers(erase_events.event_ids);
  update postrider.audit a
  set detail = '{"erased": true}', before = null, after = null
  where a.event_id = any (erase_events.event_ids);
end
$$;
comment on function postrider_internal.erase_events(uuid[]) is
  'Overwrites what these events said, everywhere, and ends their deliveries. Returns how many of those waited and how many a daemon has in hand.';
