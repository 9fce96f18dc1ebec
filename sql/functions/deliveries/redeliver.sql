-- grant: execute to operator

create or replace function postrider.redeliver(event_id uuid, endpoint_id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  endpoint_state text;
  leased boolean;
begin
  perform postrider_internal.require_endpoint(endpoint_id);
  select e.state into endpoint_state from postrider.endpoint e where e.id = endpoint_id;
  if endpoint_state = 'disabled' then
    raise exception 'endpoint % is disabled', endpoint_id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(endpoint_id).';
  end if;
  if not exists (select from postrider.outbox o where o.id = event_id) then
    raise exception 'there is no event %', coalesce(event_id::text, 'null')
      using errcode = 'no_data_found', hint = 'It may be past its retention.';
  end if;
  update postrider.delivery d
  set state = 'pending', next_attempt_at = now(), finished_at = null, reason = null, attempts_before = d.attempts,
      leased_by = null, lease_expires_at = null,
      -- A replay that has finished with it no longer counts it.
      replay_id = case when d.state = 'pending' then d.replay_id end,
      state_before = case when d.state = 'pending' then d.state_before end
  where d.event_id = event_id and d.endpoint_id = endpoint_id
    and (d.lease_expires_at is null or d.lease_expires_at <= now());
  if not found then
    if exists (select from postrider.in_flight f where f.event_id = event_id and f.endpoint_id = endpoint_id) then
      raise exception 'the delivery of event % to endpoint % is in flight', event_id, endpoint_id
        using errcode = 'object_in_use', hint = 'Wait for its end: it is in postrider.in_flight.';
    end if;
    raise exception 'there is no delivery of event % to endpoint %', event_id, endpoint_id
      using errcode = 'no_data_found', hint = 'postrider.explain_event(event_id) says why: it did not match, or has not been claimed yet.';
  end if;
  -- An earlier cancel whose daemon has died since.
  delete from postrider.cancellation c where c.event_id = event_id and c.endpoint_id = endpoint_id;
  perform postrider_internal.note_action('redeliver', endpoint_id, event_id, null);
  perform postrider_internal.notify_daemons('operator');
end
$$;
comment on function postrider.redeliver(uuid, uuid) is
  'Makes one more attempt of a delivery now, whatever its state. Use it for a single event that a receiver has lost or failed to process; for a range, use replay(). Attempts are numbered on, and a failure follows the retry schedule from its beginning.';
