create or replace function postrider_internal.discard_leftovers(endpoint_id uuid, deliveries_max integer) returns integer
language plpgsql volatile -- it must see the endpoint as it is by now
set search_path = pg_catalog, pg_temp
as $$
-- Called by claim_deliveries alone, under its planner settings.
declare
  endpoint_state text;
begin
  if exists (select from postrider.endpoint e where e.id = discard_leftovers.endpoint_id) then
    select e.state into endpoint_state
    from postrider.endpoint e
    where e.id = discard_leftovers.endpoint_id and e.state = 'disabled'
    for share skip locked;
    if not found then
      return null;
    end if;
  end if;
  return postrider_internal.discard_deliveries(endpoint_id, postrider_internal.discard_reason(endpoint_state), deliveries_max);
end
$$;
comment on function postrider_internal.discard_leftovers(uuid, integer) is
  'Discards what waits for an endpoint that is gone, or disabled and stays so until this transaction ends; up to a limit, and says how many. Null if it takes deliveries by now, or somebody is changing it.';
