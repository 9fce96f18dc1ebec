create type postrider_internal.claim_rule as (
  kind integer,
  endpoint_id uuid,
  revision bigint,
  is_express boolean,
  filters jsonpath[]
);
comment on type postrider_internal.claim_rule is
  'An endpoint that gets the events of a kind (a tenant and type): from a daemon''s memory (is_express) or from the queue; all of them if filters is null.';
revoke usage on type postrider_internal.claim_rule from public;
