-- Predicates run in strict mode, because lax mode unwraps arrays. In strict mode a path that finds nothing is an error,
-- and a predicate over it is unknown. So "has no x" is ((exists (@."x")) is unknown), and each comparison first checks
-- the type. Thus nothing is unknown except where the predicate asks for it, and "not" is reliable.
create or replace function postrider_internal.type_predicate(types jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (
  select '(' || coalesce(string_agg(case t.name when 'integer' then '(@.type() == "number" && @.floor() == @)'
                                    else format('@.type() == "%s"', t.name) end, ' || '), '1 == 2') || ')'
  from jsonb_array_elements_text(types) t (name));
comment on function postrider_internal.type_predicate(jsonb) is
  'An SQL/JSON path predicate: @ is of one of these types of JSON Schema.';
