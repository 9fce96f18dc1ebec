create or replace function postrider_internal.is_settled(
  xid xid8, seq bigint, created_at timestamptz, row_xmin xid,
  base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, aside_xids xid8[], aside_seqs bigint[],
  claimed_at timestamptz, is_copied boolean
) returns boolean
language sql immutable parallel safe
-- Without a setting, so that Postgres inlines it into the scan of the whole outbox.
return postrider_internal.has_passed(is_settled.base, is_settled.target, is_settled.after_xid, is_settled.after_seq,
                                     is_settled.aside_xids, is_settled.aside_seqs, is_settled.xid, is_settled.seq)
  and not (is_settled.is_copied
    and (is_settled.created_at > is_settled.claimed_at or postrider_internal.is_own(is_settled.xid, is_settled.row_xmin)));
comment on function postrider_internal.is_settled(
  xid8, bigint, timestamptz, xid, pg_snapshot, pg_snapshot, xid8, bigint, xid8[], bigint[], timestamptz, boolean) is
  'Whether the present cursor has passed an event. is_copied: the cursor was written in another cluster.';
