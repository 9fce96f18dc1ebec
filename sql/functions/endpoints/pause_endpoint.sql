-- grant: execute to operator

create or replace function postrider.pause_endpoint(id uuid, reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if postrider_internal.lock_endpoint(id) = 'disabled' then
    raise exception 'endpoint % is disabled', id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(id).';
  end if;
  perform postrider_internal.set_endpoint_state(id, 'paused', reason, 'pause_endpoint');
end
$$;
comment on function postrider.pause_endpoint(uuid, text) is
  'Pauses an endpoint: its events are still routed and wait, and nothing is lost. Use it if the receiver is down or under maintenance, and resume_endpoint() afterwards.';
