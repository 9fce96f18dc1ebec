create type postrider_internal.transformation_plan as (
  endpoint_id uuid,
  revision bigint,
  fallback text,
  skeleton jsonb,
  places text[],
  texts text[],
  paths jsonpath[],
  lists boolean[],
  header_names text[],
  header_paths jsonpath[],
  header_length integer,
  reads_payload boolean
);
comment on type postrider_internal.transformation_plan is
  'The transformation of an endpoint, read once for many events. skeleton: null if the payload stays as it is; header_length: that of the headers without paths; reads_payload: whether any path looks at the payload.';
revoke usage on type postrider_internal.transformation_plan from public;
