create type postrider_internal.claim_page as (
  base pg_snapshot,
  target pg_snapshot,
  is_complete boolean,
  was_slow boolean,
  has_later boolean,
  ids uuid[],
  xids xid8[],
  seqs bigint[],
  event_types text[],
  tenants text[],
  created_times timestamptz[],
  deliver_times timestamptz[],
  payloads json[]
);
comment on type postrider_internal.claim_page is
  'Events of one window as columns, in the order of (xid, seq); ids is null if there are none. is_complete: the window ends with them; was_slow: there are none, and looking took so long that the cursor must move; has_later: some are due later.';
revoke usage on type postrider_internal.claim_page from public;
