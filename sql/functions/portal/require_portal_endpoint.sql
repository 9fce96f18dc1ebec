create or replace function postrider_internal.require_portal_endpoint(capability text, endpoint_id uuid) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  tenant constant text := postrider_internal.require_portal(capability);
begin
  -- Locked, so that it cannot move to another tenant meanwhile.
  perform from postrider.endpoint e where e.id = endpoint_id and e.tenant = tenant for key share;
  if not found then
    raise exception 'there is no endpoint %', coalesce(endpoint_id::text, 'null') using errcode = 'no_data_found';
  end if;
  return tenant;
end
$$;
comment on function postrider_internal.require_portal_endpoint(text, uuid) is
  'The same for an endpoint. One of another tenant is an endpoint that there is not.';
