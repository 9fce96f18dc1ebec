-- grant: execute to publisher

create or replace function postrider_internal.create_capture_trigger(statement text, search_path text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- From here on every name is in full; the setting ends with the function.
  perform pg_catalog.set_config('search_path', search_path, true);
  execute statement;
end
$$;
comment on function postrider_internal.create_capture_trigger(text, text) is
  'Creates a trigger whose condition is read with this search_path. Acts with the rights of its caller.';
