create type postrider_internal.claim_page as (
  base pg_snapshot,
  target pg_snapshot,
  is_complete boolean,
  was_slow boolean,
  events postrider_internal.claimed_event[]
);
comment on type postrider_internal.claim_page is
  'Events of one window, in the order of (xid, seq). is_complete: the window ends with them; was_slow: there are none, and looking took so long that the cursor must move.';
revoke usage on type postrider_internal.claim_page from public;
