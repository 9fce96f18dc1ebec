create type postrider_internal.claim_rule as (
  tenant text,
  event_type text,
  endpoint_id uuid,
  revision bigint,
  is_express boolean,
  filters jsonpath[]
);
comment on type postrider_internal.claim_rule is
  'An endpoint that gets the events of a tenant and type: from a daemon''s memory (is_express) or from the queue; all of them if filters is null.';
revoke usage on type postrider_internal.claim_rule from public;
