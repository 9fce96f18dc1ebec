-- grant: execute to daemon

create or replace function postrider_internal.pause_unreadable(endpoint_id uuid, revision bigint, reason text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform from postrider.endpoint e
  where e.id = endpoint_id and e.revision = revision and e.state = 'active'
  for no key update skip locked;
  if not found then
    return false;
  end if;
  perform postrider_internal.set_endpoint_state(endpoint_id, 'paused', reason, 'pause_endpoint');
  return true;
end
$$;
comment on function postrider_internal.pause_unreadable(uuid, bigint, text) is
  'Pauses an endpoint whose secret a daemon cannot read, unless it has changed since. False if it has, or an operator is changing it at this moment.';
