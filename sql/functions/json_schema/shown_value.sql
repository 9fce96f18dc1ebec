create or replace function postrider_internal.shown_value(value jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case jsonb_typeof(value)
  when 'string' then 'a string of ' || postrider_internal.counted(length(value #>> '{}'), 'character')
  when 'number' then case when min_scale((value)::numeric) = 0 then 'an integer' else 'a number that is not an integer' end
  when 'array' then format('an array of %s', jsonb_array_length(value))
  when 'object' then 'an object' when 'boolean' then 'a boolean' else 'null' end;
comment on function postrider_internal.shown_value(jsonb) is
  'The type and length of a value of a payload, without the value.';
