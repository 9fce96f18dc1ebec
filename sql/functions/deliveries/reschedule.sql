-- grant: execute to operator

create or replace function postrider.reschedule(event_id uuid, at timestamptz) returns timestamptz
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  event record;
begin
  if at is null or not isfinite(at) or at > now() + postrider_internal.retention_period() then
    raise exception 'an event cannot be due at %', coalesce(at::text, 'null')
      using errcode = 'invalid_parameter_value',
        hint = format('Give a time, now() for at once, and at most %s ahead: so long events are kept. To end it: select postrider.cancel(event_id, null).',
          postrider_internal.retention_period());
  end if;
  perform postrider_internal.require_home(may_move_in => false);
  perform postrider_internal.require_sendable(event_id, null);
  -- A claim that is in progress would write down the old time. It is over in milliseconds; the next one waits for this
  -- transaction, but only if the event has not been claimed.
  if not (select postrider_internal.is_claimed(o.xid, o.seq) from postrider.outbox o where o.id = event_id) then
    lock table only postrider.claim_lock in share update exclusive mode;
  end if;
  select o.deliver_at into event from postrider.outbox o where o.id = event_id for update;
  if event.deliver_at is null or event.deliver_at <= clock_timestamp() then
    raise exception 'event % is not scheduled', event_id
      using errcode = 'object_not_in_prerequisite_state',
        detail = coalesce('It was due ' || postrider_internal.shown_time(event.deliver_at) || '.', 'It was due when it was inserted.'),
        hint = 'What has begun cannot be moved: cancel() ends it, and pause_endpoint() lets an endpoint wait.';
  end if;
  update postrider.outbox o set deliver_at = at where o.id = event_id;
  perform from postrider.delivery d where d.event_id = event_id and d.state = 'pending' order by d.endpoint_id for update;
  update postrider.delivery d set next_attempt_at = greatest(at, now())
  where d.event_id = event_id and d.state = 'pending' and d.leased_by is null;
  perform postrider_internal.note_action('reschedule', null, event_id, jsonb_build_object(
    'from', postrider_internal.audited(event.deliver_at), 'at', postrider_internal.audited(at)));
  perform postrider_internal.notify_daemons('operator');
  return event.deliver_at;
end
$$;
comment on function postrider.reschedule(uuid, timestamptz) is
  'Moves an event whose deliver_at has not come to another time, earlier or later, and returns the old one. Use it if a reminder must go out at another time, or now.';
