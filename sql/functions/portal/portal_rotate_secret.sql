-- grant: execute to portal

create or replace function postrider_internal.portal_rotate_secret(endpoint_id uuid, overlap interval) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform postrider_internal.require_portal_endpoint('secret:rotate', endpoint_id);
  return postrider.rotate_secret(endpoint_id, coalesce(overlap, '24 hours'));
end
$$;
comment on function postrider_internal.portal_rotate_secret(uuid, interval) is
  'Makes a new secret for an endpoint of the tenant whose token this transaction shows, as postrider.rotate_secret() does.';
