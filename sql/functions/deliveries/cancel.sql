-- grant: execute to operator

create or replace function postrider.cancel(event_id uuid, endpoint_id uuid, reason text default null) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
-- A delivery that no daemon has in hand is discarded here. One that a daemon has in hand is only marked
-- (postrider.cancellation): its request may be in progress, and a row written here would make the daemon's record of it
-- wait for this transaction, and every other record with it. The daemon looks at the marks four times a second and
-- drops what it has not started. If an attempt is in progress, a success is recorded as succeeded and anything else as
-- discarded. Looks again if a record or a lease was written between its look at the deliveries and its look at what is
-- in hand.
declare
  discard_reason constant text := postrider_internal.cancel_reason(reason);
  looks_max constant integer := 5;
  found_state text;
begin
  if event_id is null and endpoint_id is null then
    raise exception 'neither an event nor an endpoint is given'
      using errcode = 'null_value_not_allowed', hint = 'Give one of them to cancel all of its deliveries, or both for one delivery. To stop all sending: update postrider.sending set is_on = false.';
  elsif event_id is null then
    perform postrider_internal.lock_endpoint(endpoint_id);
    return postrider_internal.cancel_many(event_id, endpoint_id, reason);
  elsif endpoint_id is null then
    perform postrider_internal.require_event(event_id);
    return postrider_internal.cancel_many(event_id, endpoint_id, reason);
  end if;
  for look in 1 .. looks_max loop
    update postrider.delivery d
    set state = 'discarded', reason = discard_reason, finished_at = now(),
        next_attempt_at = null, leased_by = null, lease_expires_at = null
    where d.event_id = event_id and d.endpoint_id = endpoint_id and d.state = 'pending'
      and (d.lease_expires_at is null or d.lease_expires_at <= now());
    if found then
      perform postrider_internal.note_discards(array[endpoint_id], true);
      perform postrider_internal.note_action('cancel', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
      return 'discarded';
    end if;
    select d.state into found_state from postrider.delivery d where d.event_id = event_id and d.endpoint_id = endpoint_id;
    if found and found_state <> 'pending' then
      return found_state;
    end if;
    if exists (select from postrider.in_flight f where f.event_id = event_id and f.endpoint_id = endpoint_id) then
      insert into postrider.cancellation (event_id, endpoint_id, reason)
      values (event_id, endpoint_id, discard_reason)
      on conflict on constraint cancellation_pkey do nothing;
      if found then
        perform postrider_internal.note_action('cancel', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
      end if;
      perform postrider_internal.notify_daemons('operator');
      return 'pending';
    end if;
  end loop;
  raise exception 'there is no delivery of event % to endpoint %', coalesce(event_id::text, 'null'), coalesce(endpoint_id::text, 'null')
    using errcode = 'no_data_found',
      hint = 'postrider.explain_event(event_id) says why: it did not match, or has not been claimed yet.';
end
$$;
comment on function postrider.cancel(uuid, uuid, text) is
  'Stops further attempts of a delivery. Use it for an event that a receiver must not get any more; redeliver() undoes it. Returns the state of the delivery: discarded; pending if a daemon has it in hand, in which case it is discarded within moments unless the attempt in progress succeeds; or how it had ended before. Without an event (null) it cancels everything that waits for the endpoint now, without an endpoint everything of the event, and returns how many those were.';
