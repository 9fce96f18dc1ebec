create or replace function postrider_internal.discard_reason(endpoint_state text) returns text
language sql immutable parallel safe
return case when endpoint_state is null then 'the endpoint was deleted' else 'the endpoint is disabled' end;
comment on function postrider_internal.discard_reason(text) is
  'The reason with which a delivery is discarded if its endpoint is in this state; null means deleted.';
