create or replace function postrider_internal.is_claimed(xid xid8, seq bigint) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select postrider_internal.has_passed(c.base, c.target, c.after_xid, c.after_seq, c.aside_xids, c.aside_seqs, is_claimed.xid, is_claimed.seq)
  from postrider.claim c
  order by c.id desc
  limit 1;
end;
comment on function postrider_internal.is_claimed(xid8, bigint) is
  'Whether the cursor has passed an event. After that, changes of subscriptions do not affect it.';
