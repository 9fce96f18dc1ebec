create type postrider_internal.claimed_event as (
  id uuid,
  event_type text,
  created_at timestamptz,
  deliver_at timestamptz,
  context jsonb,
  payload json
);
comment on type postrider_internal.claimed_event is
  'An event as a daemon gets it. The payload is null if it is larger than the daemon wants it: it is loaded when its turn comes.';
revoke usage on type postrider_internal.claimed_event from public;
