-- grant: execute to portal

create or replace function postrider_internal.portal_cancel_replay(replay_id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  tenant constant text := postrider_internal.require_portal('replay');
  endpoint_id uuid;
begin
  select e.id into endpoint_id
  from postrider.replay r
  join postrider.endpoint e on e.id = r.endpoint_id
  where r.id = replay_id and e.tenant = tenant;
  if not found then
    raise exception 'there is no replay %', coalesce(replay_id::text, 'null') using errcode = 'no_data_found';
  end if;
  perform postrider_internal.require_portal_endpoint('replay', endpoint_id);
  perform postrider.cancel_replay(replay_id);
end
$$;
comment on function postrider_internal.portal_cancel_replay(uuid) is
  'Ends a replay to an endpoint of the tenant whose token this transaction shows.';
