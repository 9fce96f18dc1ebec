create or replace function postrider_internal.cancel_reason(reason text) returns text
language sql immutable parallel safe
return concat_ws(': ', 'cancelled', reason);
comment on function postrider_internal.cancel_reason(text) is
  'The reason with which a delivery is discarded if a person cancelled it. No other reason begins like it.';
