-- grant: execute to portal

create or replace function postrider_internal.portal_redeliver(event_id uuid, endpoint_id uuid) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  tenant constant text := postrider_internal.require_portal_endpoint('redeliver', endpoint_id);
begin
  if not exists (
    select from postrider.outbox o
    where o.id = event_id and o.tenant = tenant and (o.test_endpoint_id is not null or not starts_with(o.event_type, 'postrider.')))
  then
    raise exception 'there is no event %', coalesce(event_id::text, 'null') using errcode = 'no_data_found';
  end if;
  return postrider.redeliver(event_id, endpoint_id);
end
$$;
comment on function postrider_internal.portal_redeliver(uuid, uuid) is
  'Makes one more attempt to send an event of the tenant whose token this transaction shows to one of its endpoints.';
