create type postrider_internal.leased_delivery as (
  event_id uuid,
  attempts integer,
  attempts_before integer,
  is_again boolean,
  deliver_at_ms bigint,
  event_type text,
  created_at json,
  context jsonb,
  payload json,
  batch_id uuid,
  ordering_seq bigint
);
comment on type postrider_internal.leased_delivery is
  'A delivery as a daemon leases it, with its event. is_again: it is sent again by hand or by a replay; deliver_at_ms: the deliver_at of its event, as Unix time; batch_id: null if it goes alone; ordering_seq: its place among the deliveries of its ordering key, null if it has none. Without its event, which is gone or was erased, it has none of what that says.';
revoke usage on type postrider_internal.leased_delivery from public;
