create type postrider_internal.claimed_event as (
  id uuid,
  xid xid8,
  seq bigint,
  event_type text,
  tenant text,
  created_at timestamptz,
  deliver_at timestamptz,
  payload text
);
comment on type postrider_internal.claimed_event is
  'An event as claims read it. The payload is null if it is larger than the daemon wants it: it is loaded when its turn comes.';
revoke usage on type postrider_internal.claimed_event from public;
