create or replace function postrider_internal.is_option(options jsonb, value jsonb) returns boolean
language sql immutable parallel safe
-- Of an array a scalar is contained that is one of its elements: 10 ns each. Lists contain one another by other rules.
return case when jsonb_typeof(value) not in ('array', 'object') then options @> value
  else exists (select from jsonb_array_elements(options) o (option) where o.option = value) end;
comment on function postrider_internal.is_option(jsonb, jsonb) is 'Whether a value is one of a list.';
