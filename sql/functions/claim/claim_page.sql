create type postrider_internal.claim_page as (
  base pg_snapshot,
  target pg_snapshot,
  after_xid xid8,
  after_seq bigint,
  aside_xids xid8[],
  aside_seqs bigint[],
  ended_xids xid8[],
  is_complete boolean,
  must_move boolean,
  has_later boolean,
  ids uuid[],
  xids xid8[],
  seqs bigint[],
  event_types text[],
  tenants text[],
  created_times timestamptz[],
  deliver_times timestamptz[],
  contexts jsonb[],
  payloads json[]
);
comment on type postrider_internal.claim_page is
  'Events as columns, and the cursor before them; ids is null if there are none. Those of one transaction are in the order of seq, those of the window in the order of (xid, seq). ended_xids: the transactions that are aside and end with this page; is_complete: the window ends with it; must_move: there are no events, and the cursor must move all the same; has_later: some are due later.';
revoke usage on type postrider_internal.claim_page from public;
