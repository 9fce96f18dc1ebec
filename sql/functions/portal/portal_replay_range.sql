-- grant: execute to portal

create or replace function postrider_internal.portal_replay_range(
  endpoint_id uuid, since timestamptz, until timestamptz, event_type text, states text[], dry_run boolean,
  out replay_id uuid, out events bigint
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  reach_max constant interval := '7 days';
  known constant text[] := '{exhausted,unmatched}';
  chosen_states constant text[] := coalesce(states, known);
begin
  perform postrider_internal.require_portal_endpoint('replay', endpoint_id);
  perform postrider_internal.require_portal_type(event_type);
  if since is null or since < now() - reach_max then
    raise exception 'the range begins at %', coalesce(since::text, 'no time')
      using errcode = 'invalid_parameter_value', hint = 'Give a time within the last 7 days.';
  end if;
  if not chosen_states <@ known then
    raise exception 'the states are %', array_to_string(chosen_states, ', ', 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give any of: exhausted, unmatched.';
  end if;
  -- Locked, so that two requests at once do not both find none.
  perform postrider_internal.lock_endpoint(endpoint_id);
  if not coalesce(dry_run, false)
    and exists (select from postrider.replay r where r.endpoint_id = endpoint_id and r.state in ('preparing', 'delivering'))
  then
    raise exception 'a replay to the endpoint is in progress' using errcode = 'object_not_in_prerequisite_state', hint = 'Wait for its end, or cancel it.';
  end if;
  select r.replay_id, r.events into replay_id, events
  from postrider.replay(endpoint_id, since, coalesce(until, now()), coalesce(event_type, '*'), chosen_states, coalesce(dry_run, false)) r;
end
$$;
comment on function postrider_internal.portal_replay_range(uuid, timestamptz, timestamptz, text, text[], boolean) is
  'Sends what an endpoint of the tenant whose token this transaction shows missed within the last seven days again, or counts it. One replay at a time.';
