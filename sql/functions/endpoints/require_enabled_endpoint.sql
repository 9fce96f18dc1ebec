create or replace function postrider_internal.require_enabled_endpoint(endpoint_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.require_endpoint(endpoint_id);
  if exists (select from postrider.endpoint e where e.id = require_enabled_endpoint.endpoint_id and e.state = 'disabled') then
    raise exception 'endpoint % is disabled', endpoint_id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(endpoint_id).';
  end if;
end
$$;
comment on function postrider_internal.require_enabled_endpoint(uuid) is 'Raises an error if there is no such endpoint, or it is disabled.';
