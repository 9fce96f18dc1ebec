create or replace function postrider_internal.store_claim(
  base pg_snapshot,
  target pg_snapshot,
  after_xid xid8,
  after_seq bigint,
  aside_xids xid8[],
  aside_seqs bigint[],
  event_ids uuid[],
  endpoint_ids uuid[],
  others postrider_internal.claim_pair[],
  daemon_id uuid,
  empty_claim bigint,
  out claim_id bigint,
  out queued_count integer
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  seen pg_lsn;
  discarded uuid[];
  has_ordered boolean;
begin
  queued_count := 0;
  -- Before anything else is written: the WAL up to here holds each commit that this claim has seen, and the number.
  claim_id := nextval('postrider.claim_id_seq');
  seen := postrider_internal.wal_position();
  if others is not null then
    has_ordered := exists (select from postrider.endpoint e where e.ordered);
    with stored as (
      insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, finished_at, reason, ordering_key, ordering_seq)
      select o.event_id, o.endpoint_id,
             case when o.problem is null then 'pending' else 'discarded' end,
             case when o.problem is null then coalesce(o.deliver_at, now()) end,
             case when o.problem is not null then now() end,
             o.problem, p.ordering_key, p.ordering_seq
      from unnest(others) o
      left join lateral postrider_internal.place_in_order(o.event_id, o.endpoint_id, has_ordered and o.problem is null) p on true
      on conflict do nothing -- a row that is there already stands, and stops no claim
      returning state, endpoint_id
    )
    select count(*) filter (where s.state = 'pending'), array_agg(s.endpoint_id) filter (where s.state = 'discarded')
    into queued_count, discarded
    from stored s;
    perform postrider_internal.note_discards(discarded, false);
  end if;
  insert into postrider.claim (
    id, base, target, after_xid, after_seq, aside_xids, aside_seqs, daemon_id, event_ids, endpoint_ids)
  overriding system value
  values (store_claim.claim_id, store_claim.base, store_claim.target, store_claim.after_xid, store_claim.after_seq, store_claim.aside_xids,
          store_claim.aside_seqs, store_claim.daemon_id, coalesce(store_claim.event_ids, '{}'),
          coalesce(store_claim.endpoint_ids, '{}'));
  if empty_claim is not null then
    delete from postrider.claim c where c.id = empty_claim and cardinality(c.event_ids) = 0;
  end if;
  -- The flush of a claim is there for what it has seen: nothing may be sent that a crash can still undo. If all of that is
  -- on the disk already, as when applications commit synchronously, the claim need not be. A crash that takes it back
  -- takes the cursor back as well, so its events are claimed again. The number must last, because the daemon knows the
  -- claim by it. A standby that commits wait for may not have yet what is on this disk.
  if seen is not null and current_setting('synchronous_standby_names') = '' then
    if pg_current_wal_flush_lsn() >= seen then
      perform set_config('synchronous_commit', 'off', true);
    end if;
  end if;
end
$$;
comment on function postrider_internal.store_claim(
  pg_snapshot, pg_snapshot, xid8, bigint, xid8[], bigint[], uuid[], uuid[], postrider_internal.claim_pair[], uuid, bigint) is
  'Moves the cursor, by a claim of the pairs that the daemon gets; writes the others as deliveries, and says how many of those are pending.';
