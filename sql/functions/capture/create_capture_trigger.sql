-- grant: execute to publisher

create or replace function postrider_internal.create_capture_trigger(
  table_name regclass, trigger_name name, statement text, search_path text
) returns boolean
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
begin
  -- From here on every name is in full; the settings end with the function.
  perform pg_catalog.set_config('search_path', search_path, true);
  execute statement;
  if (select postrider_internal.reads_session(t.tgqual) from pg_catalog.pg_trigger t
      where t.tgrelid operator(pg_catalog.=) table_name and t.tgname operator(pg_catalog.=) trigger_name)
  then
    execute pg_catalog.format('drop trigger %I on %s', trigger_name, table_name);
    return false;
  end if;
  return true;
exception
  when feature_not_supported or invalid_object_definition then
    return false;
end
$$;
comment on function postrider_internal.create_capture_trigger(regclass, name, text, text) is
  'Creates a trigger whose condition is read with this search_path, unless Postgres cannot judge the condition alike for every session. Returns whether it did. Acts with the rights of its caller.';
