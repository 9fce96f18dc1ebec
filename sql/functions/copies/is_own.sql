create or replace function postrider_internal.is_own(xid xid8, row_xmin xid) returns boolean
language sql immutable parallel safe
-- Inside a savepoint a row has the savepoint's id, which is drawn after the transaction's, so a few other ids may lie
-- between. An event mistaken for the server's own is routed again if it has no delivery. The opposite mistake would
-- lose an event.
return is_own.xid > '3'
  and (is_own.xid::xid = is_own.row_xmin
    or (is_own.row_xmin::text::bigint - is_own.xid::xid::text::bigint + 4294967296) % 4294967296 between 0 and 1000);
comment on function postrider_internal.is_own(xid8, xid) is
  'Whether the transaction that a row names wrote the row here, so that it was not restored or replicated. row_xmin: the xmin of the row.';
