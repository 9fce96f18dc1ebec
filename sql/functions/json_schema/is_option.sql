create or replace function postrider_internal.is_option(options jsonb, value jsonb) returns boolean
language sql immutable parallel safe
-- An array contains (@>) a scalar that is one of its elements: 10 ns each. Between arrays, containment has other rules.
return case when jsonb_typeof(value) not in ('array', 'object') then options @> value
  else exists (select from jsonb_array_elements(options) o (option) where o.option = value) end;
comment on function postrider_internal.is_option(jsonb, jsonb) is 'Whether a value is one of a list.';
