-- grant: execute to operator

create or replace function postrider.send_test_event(
  endpoint_id uuid, event_type text default 'postrider.test', payload json default '{"test": true}'
) returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  -- The id of no transaction. Every cursor has passed it, so no claim routes the event to other endpoints.
  claimed_xid constant xid8 := '0';
  receiver record;
  event_id uuid;
begin
  perform postrider_internal.require_enabled_endpoint(endpoint_id);
  select e.state, e.tenant into receiver from postrider.endpoint e where e.id = endpoint_id;
  if receiver.state = 'paused' then
    raise notice 'endpoint % is paused, and the event waits', endpoint_id;
  end if;
  insert into postrider.outbox (event_type, payload, tenant, test_endpoint_id)
  values (event_type, payload, receiver.tenant, endpoint_id)
  returning id into event_id;
  update postrider.outbox o set xid = claimed_xid where o.id = event_id;
  insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, is_asked)
  values (event_id, endpoint_id, 'pending', postrider_internal.asked_time(endpoint_id, now()), true);
  perform postrider_internal.note_action('send_test_event', endpoint_id, event_id, jsonb_build_object('event_type', event_type));
  perform postrider_internal.notify_daemons('operator');
  return event_id;
end
$$;
comment on function postrider.send_test_event(uuid, text, json) is
  'Sends one event to this endpoint alone, whatever it is subscribed to, and returns the event''s id. Use it to try a new receiver, or one that was mended. The event is marked as a test (postrider.outbox.test_endpoint_id): replays leave it out, and its failures do not count against the endpoint.';
