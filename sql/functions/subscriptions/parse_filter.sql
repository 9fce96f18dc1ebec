create or replace function postrider_internal.parse_filter(filter text) returns jsonpath
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return filter::jsonpath;
exception when syntax_error or data_exception then
  raise exception 'the filter % is not an SQL/JSON path', quote_literal(filter)
    using errcode = 'invalid_parameter_value', detail = sqlerrm,
      hint = 'A filter is a predicate over the payload, such as $.amount > 100 or $.status == "paid". Strings stand in double quotes, and so do names with a hyphen: $."line-items".';
end
$$;
comment on function postrider_internal.parse_filter(text) is 'Reads a filter, or raises an error that says what is wrong with it.';
