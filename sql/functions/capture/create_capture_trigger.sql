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
declare
  judged pg_node_tree;
begin
  -- From here on every name is in full; the settings end with the function.
  perform pg_catalog.set_config('search_path', search_path, true);
  execute statement;
  select t.tgqual into judged from pg_catalog.pg_trigger t
  where t.tgrelid operator(pg_catalog.=) table_name and t.tgname operator(pg_catalog.=) trigger_name;
  if postrider_internal.compares_rows(judged) then
    raise exception 'cannot capture the changes of %: the condition compares whole rows by value, which would fail every change of a table with a json, xml or point column',
      table_name using errcode = 'invalid_parameter_value',
        hint = 'Write new.* *<> old.*, which compares columns of any type, or compare the columns that matter.';
  end if;
  if postrider_internal.reads_session(judged) then
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
  'Creates a trigger whose condition is read with this search_path, unless Postgres cannot judge the condition alike for every session. Returns whether it did. Refuses a condition that would fail after a change of the table. Acts with the rights of its caller.';
