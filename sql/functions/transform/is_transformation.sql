-- grant: execute to operator

create or replace function postrider_internal.is_transformation(payload text) returns boolean
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.read_template(payload);
  return true;
end
$$;
comment on function postrider_internal.is_transformation(text) is
  'True if an endpoint''s payload can be made by this path or template. Otherwise it raises an error that says what is wrong.';
