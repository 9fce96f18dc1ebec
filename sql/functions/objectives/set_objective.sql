-- grant: execute to operator

create or replace function postrider.set_objective(
  target numeric default 0.999,
  within interval default '1 minute',
  endpoint_id uuid default null,
  tenant text default null,
  reason text default null
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform postrider_internal.require_objective_subject(set_objective.endpoint_id, set_objective.tenant);
  perform postrider_internal.begin_action('set_objective', set_objective.endpoint_id, jsonb_build_object('reason', set_objective.reason));
  insert into postrider.objective as o (tenant, endpoint_id, target, within)
  values (set_objective.tenant, set_objective.endpoint_id, set_objective.target, set_objective.within)
  on conflict on constraint "there is one objective for each endpoint, each tenant, and all" do update
  set target = excluded.target, within = excluded.within;
  perform postrider_internal.end_action();
end
$$;
comment on function postrider.set_objective(numeric, interval, uuid, text, text) is
  'Sets which share of deliveries is to arrive within which time of being due: for an endpoint, for the endpoints of a tenant, or for all if neither is given. Use it to say what you have promised, so that postrider.judge_objective() and the dashboard judge by it: set_objective(0.99, ''5 minutes'', tenant => ''acme''). Without any it is 0.999 within a minute.';
