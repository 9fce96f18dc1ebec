-- grant: execute to portal

create or replace function postrider_internal.portal_pause_endpoint(endpoint_id uuid, reason text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform postrider_internal.require_portal_endpoint('endpoints:state', endpoint_id);
  if postrider_internal.lock_endpoint(endpoint_id) = 'disabled' then
    raise exception 'the endpoint is disabled' using errcode = 'object_not_in_prerequisite_state', hint = 'Resume it first.';
  end if;
  perform postrider.pause_endpoint(endpoint_id, reason);
end
$$;
comment on function postrider_internal.portal_pause_endpoint(uuid, text) is
  'Pauses an endpoint of the tenant whose token this transaction shows.';
