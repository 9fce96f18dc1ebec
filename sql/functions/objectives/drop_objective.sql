-- grant: execute to operator

create or replace function postrider.drop_objective(endpoint_id uuid default null, tenant text default null, reason text default null) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  is_dropped boolean;
begin
  perform postrider_internal.require_objective_subject(drop_objective.endpoint_id, drop_objective.tenant);
  perform postrider_internal.begin_action('drop_objective', drop_objective.endpoint_id, jsonb_build_object('reason', drop_objective.reason));
  delete from postrider.objective o
  where o.endpoint_id is not distinct from drop_objective.endpoint_id and o.tenant is not distinct from drop_objective.tenant;
  is_dropped := found;
  perform postrider_internal.end_action();
  return is_dropped;
end
$$;
comment on function postrider.drop_objective(uuid, text, text) is
  'Removes the objective of an endpoint, of a tenant, or the one for all if neither is given, and returns whether there was one. Use it after set_objective(), to have the next more general one count again.';
