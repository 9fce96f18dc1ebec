create or replace function postrider_internal.is_listed(options jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- Fewer options are as quick one by one.
return jsonb_array_length(options) > 4 and (
  select count(distinct jsonb_typeof(o.value)) = 1 from jsonb_array_elements(options) o (value) where o.value <> 'null');
comment on function postrider_internal.is_listed(jsonb) is
  'Whether a predicate compares with these options as a list, because they are many and, except for null, of one type.';
