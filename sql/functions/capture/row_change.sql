-- grant: execute to publisher

create or replace function postrider_internal.row_change(operation text, table_name text, old json, new json) returns json
language sql immutable parallel safe
-- Names in a body like this are bound when it is created. Pinning a search_path would cost each row 2 us.
return json_build_object(
  'operation', operation,
  'table', table_name,
  'old', case when new is null then old else (
    -- Both have the same columns in the same order, so they are paired by position, without a join.
    select json_object_agg(c.name, c.old_value)
    from rows from (json_each(old), json_each(new)) c (name, old_value, new_name, new_value)
    where c.old_value::text <> c.new_value::text) end,
  'new', new);
comment on function postrider_internal.row_change(text, text, json, json) is
  'The payload of a captured change: the new row in full, and of the old row the columns that an update changed, or all of a deleted one.';
