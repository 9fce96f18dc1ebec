create or replace function postrider_internal.is_claimed(xid xid8, seq bigint) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select pg_visible_in_snapshot(is_claimed.xid, c.base)
    or (c.target is not null and pg_visible_in_snapshot(is_claimed.xid, c.target)
        and (is_claimed.xid, is_claimed.seq) <= (c.after_xid, c.after_seq))
  from postrider.claim c
  order by c.id desc
  limit 1;
end;
comment on function postrider_internal.is_claimed(xid8, bigint) is
  'Whether the cursor has passed an event. After that, changes of subscriptions do not affect it.';
