-- What it says goes to the application's log: where in the payload, what was expected, of which kind and length what was
-- found is. Never a value of the payload.
--
-- No function of the walk pins its search_path, which would cost each value 3 us: it has that of judge_payload.
-- They call each other in assignments, which are half as dear as "select into".
create or replace function postrider_internal.shown_value(value jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case jsonb_typeof(value)
  when 'string' then format('a string of %s characters', length(value #>> '{}'))
  when 'number' then case when min_scale((value)::numeric) = 0 then 'an integer' else 'a number that is no integer' end
  when 'array' then format('an array of %s', jsonb_array_length(value))
  when 'object' then 'an object' when 'boolean' then 'a boolean' else 'null' end;
comment on function postrider_internal.shown_value(jsonb) is 'Of which kind and length a value of a payload is, without the value.';
