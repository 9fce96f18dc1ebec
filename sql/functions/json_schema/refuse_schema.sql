create or replace function postrider_internal.refuse_schema(pointer text, problem text, advice text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '%', concat_ws(' ', 'its JSON Schema,', 'at ' || postrider_internal.shown_pointer(pointer) || ',', problem)
    using errcode = 'invalid_parameter_value', hint = advice;
end
$$;
comment on function postrider_internal.refuse_schema(text, text, text) is
  'Raises an error that says what is wrong with a JSON Schema, where, and what to do.';
