-- grant: execute to operator

create or replace function postrider.replay(
  endpoint_id uuid, since timestamptz, until timestamptz default now(), event_type text default '*',
  states text[] default '{exhausted,discarded,unmatched}', dry_run boolean default false,
  out replay_id uuid, out events bigint
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_variable
declare
  known constant text[] := '{exhausted,discarded,unmatched,cancelled,succeeded}';
  count_stretch constant integer := 10000;
  count_judge_ms constant integer := 3600000;
  unknown text;
  oldest_at timestamptz;
  range_end uuid;
  place uuid;
  found_count bigint;
  replay postrider.replay;
begin
  perform postrider_internal.require_enabled_endpoint(endpoint_id);
  if since is null then
    raise exception 'since is null'
      using errcode = 'null_value_not_allowed', hint = 'Say from when on: a time, such as now() - interval ''2 hours'', or ''-infinity'' for everything.';
  end if;
  -- What is inserted from now on is delivered anyway.
  until := least(coalesce(until, 'infinity'), clock_timestamp());
  if since >= until then
    raise exception 'the range is empty: since is %, until is %', since, until
      using errcode = 'invalid_parameter_value', hint = 'since must be earlier than until, and until is at most now.';
  end if;
  if event_type is null or length(event_type) > 255
    or not (event_type = '*' or event_type ~ '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*([.][*])?$') then
    raise exception 'there is no event type %', coalesce(quote_literal(event_type), 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give an exact type, a prefix such as order.*, or * for all that the endpoint is subscribed to.';
  end if;
  states := coalesce(states, '{exhausted,discarded,unmatched}');
  if cardinality(states) = 0 then
    raise exception 'states is empty'
      using errcode = 'invalid_parameter_value', hint = format('Give any of: %s.', array_to_string(known, ', '));
  end if;
  select coalesce(quote_literal(s.state), 'null') into unknown
  from unnest(states) s (state)
  where s.state is null or s.state <> all (known)
  limit 1;
  if found then
    raise exception 'deliveries are not replayed by the state %', unknown
      using errcode = 'invalid_parameter_value',
        detail = case when unknown = quote_literal('pending') then 'What is pending is on its way already.'
                      else 'What is replayed has finished in one state or another, or never had a delivery (unmatched).' end,
        hint = format('The states are: %s.', array_to_string(known, ', '));
  end if;
  -- By its id, because ids within a millisecond are in no order.
  select postrider_internal.partition_time(o.id) into oldest_at from postrider.outbox o order by o.id limit 1;
  if oldest_at - interval '1 ms' >= until then
    raise exception 'there is no event before %', until
      using errcode = 'no_data_found', detail = format('The oldest event that is retained is from %s.', oldest_at);
  end if;

  replay.endpoint_id := endpoint_id;
  replay.since := since;
  replay.until := until;
  replay.event_type := event_type;
  replay.states := states;
  replay.created_at := clock_timestamp();
  range_end := postrider_internal.replay_end(until);
  -- An id is made just before created_at is taken, so ten seconds are ample. What lies before the oldest event is
  -- skipped.
  replay.after_event := postrider.uuid_v7_floor(greatest(since - interval '10 s', coalesce(oldest_at, until) - interval '1 s'));
  place := replay.after_event;
  events := 0;
  while place < range_end loop
    select count(*) filter (where s.verdict in ('new', 'again')), (array_agg(s.event_id) filter (where s.verdict = 'end'))[1]
    into found_count, place
    from postrider_internal.replay_stretch(replay, place, count_stretch, count_judge_ms, false) s;
    events := events + found_count;
  end loop;
  if dry_run then
    return;
  end if;

  insert into postrider.replay as r (endpoint_id, since, until, event_type, states, events, after_event, created_at)
  values (endpoint_id, since, until, event_type, states, events, replay.after_event, replay.created_at)
  returning r.id into replay_id;
  perform postrider_internal.note_action('replay', endpoint_id, null, jsonb_strip_nulls(jsonb_build_object(
    'replay_id', replay_id, 'since', postrider_internal.audited(since), 'until', postrider_internal.audited(until), 'event_type', event_type,
    'states', states, 'events', events)));
  perform postrider_internal.notify_daemons('operator');
end
$$;
comment on function postrider.replay(uuid, timestamptz, timestamptz, text, text[], boolean) is
  'Sends a range of events to an endpoint again: those inserted since, and before until, that its subscriptions match now, also from before the endpoint existed. Use it after an outage, or to fill a new receiver; call it with dry_run first, which only counts. states: which of them, any of exhausted; discarded, without what a person cancelled; unmatched, which have no delivery to the endpoint; cancelled; succeeded. The first three are the default, and the last two are sent only if they are named. Nothing is sent before its deliver_at. Returns the id of the replay and the number of events. It reads the range once, some 10 us an event.';
