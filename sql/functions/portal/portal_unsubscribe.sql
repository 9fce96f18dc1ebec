-- grant: execute to portal

create or replace function postrider_internal.portal_unsubscribe(subscription_id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  tenant constant text := postrider_internal.require_portal('endpoints:write');
  endpoint_id uuid;
begin
  select s.endpoint_id into endpoint_id from postrider.subscription s where s.id = subscription_id and s.tenant = tenant;
  if not found then
    raise exception 'there is no subscription %', coalesce(subscription_id::text, 'null') using errcode = 'no_data_found';
  end if;
  perform postrider_internal.require_portal_endpoint('endpoints:write', endpoint_id);
  perform postrider.unsubscribe(subscription_id);
end
$$;
comment on function postrider_internal.portal_unsubscribe(uuid) is
  'Removes a subscription of the tenant whose token this transaction shows.';
