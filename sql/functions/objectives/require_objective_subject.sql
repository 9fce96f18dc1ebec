create or replace function postrider_internal.require_objective_subject(endpoint_id uuid, tenant text) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if endpoint_id is not null and tenant is not null then
    raise exception 'an endpoint and a tenant are given'
      using errcode = 'invalid_parameter_value', hint = 'An objective is for one of them, or for all if neither is given.';
  elsif endpoint_id is not null then
    perform postrider_internal.require_endpoint(endpoint_id);
  end if;
end
$$;
comment on function postrider_internal.require_objective_subject(uuid, text) is
  'Raises an error unless an objective may be for this: an endpoint that there is, a tenant, or neither.';
