create or replace function postrider_internal.is_own(xid xid8, row_xmin xid) returns boolean
language sql immutable parallel safe
-- Inside a savepoint a row has the id of that, which is drawn after the transaction's own: a few others may lie between.
-- What is mistaken for the server's own by that is routed again where it has no delivery; the other mistake loses an event.
return is_own.xid > '3'
  and (is_own.xid::xid = is_own.row_xmin
    or (is_own.row_xmin::text::bigint - is_own.xid::xid::text::bigint + 4294967296) % 4294967296 between 0 and 1000);
comment on function postrider_internal.is_own(xid8, xid) is
  'Whether a row that says which transaction wrote it was written by that one, and is not restored or replicated: row_xmin is its xmin.';
