-- grant: execute to reader, operator

create or replace function postrider_internal.has_passed(
  base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, aside_xids xid8[], aside_seqs bigint[],
  xid xid8, seq bigint
) returns boolean
language sql immutable parallel safe
-- Without a setting, so that Postgres inlines it into the scan of a whole outbox.
return (pg_visible_in_snapshot(has_passed.xid, has_passed.base)
    or has_passed.target is not null and pg_visible_in_snapshot(has_passed.xid, has_passed.target)
      and (has_passed.xid, has_passed.seq) <= (has_passed.after_xid, has_passed.after_seq))
  and coalesce(has_passed.seq <= has_passed.aside_seqs[array_position(has_passed.aside_xids, has_passed.xid)], true);
comment on function postrider_internal.has_passed(pg_snapshot, pg_snapshot, xid8, bigint, xid8[], bigint[], xid8, bigint) is
  'Whether a cursor (the first six, as in a row of postrider.claim) has passed the event with that xid and seq.';
