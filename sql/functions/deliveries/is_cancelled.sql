-- grant: execute to operator

create or replace function postrider_internal.is_cancelled(reason text) returns boolean
language sql immutable parallel safe
-- A column for it would travel with every result that is recorded.
return reason = 'cancelled' or starts_with(reason, 'cancelled: ');
comment on function postrider_internal.is_cancelled(text) is
  'Whether this is the reason of a delivery that a person cancelled, made by cancel_reason().';
