-- grant: execute to publisher

create or replace function postrider_internal.check_capture_expression(
  table_name regclass, argument text, expression text, form text, search_path text
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set timezone = 'UTC'
set datestyle = 'ISO, MDY'
set intervalstyle = postgres
set standard_conforming_strings = on
set backslash_quote = safe_encoding
set transform_null_equals = off
set array_nulls = on
as $$
-- Planned as a cursor and never run: a cursor takes a single statement, and "case when" a single expression. Postgres
-- then says what is wrong, such as a column that does not exist or a type that does not fit.
declare
  statement constant text := format('select %s from %s as old, %2$s as new where false',
    format(form, expression || E'\n'), table_name);
  plan refcursor;
  problem text;
begin
  if expression is null then
    return;
  end if;
  -- From here on every name is in full; the setting ends with the function.
  perform pg_catalog.set_config('search_path', search_path, true);
  open plan for execute statement;
  close plan;
exception
  when others then
    get stacked diagnostics problem = message_text;
    raise exception 'cannot capture the changes of %: % is not an expression over old and new: %', table_name, argument, problem
      using errcode = 'invalid_parameter_value', detail = pg_catalog.format('%s => %L', argument, expression),
        hint = 'Name columns as old.column and new.column, not system columns such as tableoid, and test it with: select (expression) from the_table as old, the_table as new limit 1.';
end
$$;
comment on function postrider_internal.check_capture_expression(regclass, text, text, text, text) is
  'Raises an error unless this is a single SQL expression over old and new, of the type that is needed. Acts with the rights of its caller.';
