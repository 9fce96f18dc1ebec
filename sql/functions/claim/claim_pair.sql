create type postrider_internal.claim_pair as (
  event_id uuid,
  endpoint_id uuid,
  deliver_at timestamptz,
  problem text
);
comment on type postrider_internal.claim_pair is
  'An event for an endpoint. problem: why Postgres cannot judge the filters; the delivery is discarded for that.';
revoke usage on type postrider_internal.claim_pair from public;
