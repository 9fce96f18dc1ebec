create or replace function postrider_internal.is_settled(
  xid xid8, seq bigint, created_at timestamptz, row_xmin xid,
  base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, claimed_at timestamptz, is_copied boolean
) returns boolean
language sql immutable parallel safe
-- Without a setting, so that Postgres inlines it into the scan of the whole outbox.
return (pg_visible_in_snapshot(is_settled.xid, is_settled.base)
    or is_settled.target is not null and pg_visible_in_snapshot(is_settled.xid, is_settled.target)
      and (is_settled.xid, is_settled.seq) <= (is_settled.after_xid, is_settled.after_seq))
  and not (is_settled.is_copied
    and (is_settled.created_at > is_settled.claimed_at or postrider_internal.is_own(is_settled.xid, is_settled.row_xmin)));
comment on function postrider_internal.is_settled(xid8, bigint, timestamptz, xid, pg_snapshot, pg_snapshot, xid8, bigint, timestamptz, boolean) is
  'Whether the present cursor has passed an event. is_copied: the cursor was written in another cluster.';
