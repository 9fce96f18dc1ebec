-- In strict mode, for lax unwraps lists. There a path that finds nothing is an error, and a predicate over it unknown:
-- so "has no x" is ((exists (@."x")) is unknown), and each comparison first asks for the type. Thus none of it is unknown
-- but where it asks for that, and "not" can be relied upon.
create or replace function postrider_internal.type_predicate(types jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (
  select '(' || coalesce(string_agg(case t.name when 'integer' then '(@.type() == "number" && @.floor() == @)'
                                    else format('@.type() == "%s"', t.name) end, ' || '), '1 == 2') || ')'
  from jsonb_array_elements_text(types) t (name));
comment on function postrider_internal.type_predicate(jsonb) is 'A predicate of SQL/JSON path: @ is of one of these types of JSON Schema.';
