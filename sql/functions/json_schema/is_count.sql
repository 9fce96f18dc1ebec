create or replace function postrider_internal.is_count(value jsonb) returns boolean
language sql immutable parallel safe
return case when jsonb_typeof(value) = 'number' then (value)::numeric between 0 and 2147483647 and (value)::numeric % 1 = 0 else false end;
comment on function postrider_internal.is_count(jsonb) is 'Whether this is a whole number from 0 on.';
