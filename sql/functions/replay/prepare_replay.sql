-- grant: execute to daemon
--
-- A replay is a row with a cursor over the ids of its range. A daemon takes a step: in one transaction it looks at the
-- next stretch of events, makes those that must be sent again pending, and moves the cursor. So a crash leaves neither
-- a gap nor a repetition, and any daemon can take the next step.
--
--   preparing   the cursor has not reached the end of the range
--   delivering  it has, and deliveries are pending
--   done        none is pending any more
--   cancelled   by cancel_replay, or with its endpoint; finished_at is set when none of its deliveries is in flight
--
-- A step makes as many deliveries as its pace says, and none while more than half of them still wait to be sent. The
-- pace grows if the endpoint takes everything until the next look, and shrinks otherwise. So no more of a replay waits
-- than its endpoint takes in a few tenths of a second, and a live retry that comes due behind it waits no longer than
-- that. One replay of an endpoint prepares at a time, the oldest first.
--
-- A step leaves alone a delivery that is pending or in flight, one that has finished since the replay was requested,
-- and an event that no daemon has claimed yet. All of them are delivered anyway.
--
-- Lock order: an operator locks the endpoint, then the replay, then those of its deliveries that are not locked, by
-- event. A step begins with the replay, and waits for no lock.

create or replace function postrider_internal.prepare_replay(replay_id uuid, out outcome text, out prepared integer)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  pace_min constant integer := 8;
  pace_max constant integer := 500;
  -- Retries count too, so an endpoint that fails everything stops its replay.
  pending_max constant integer := 5000;
  -- And so many that have never been due, because of their event's deliver_at.
  scheduled_max constant integer := 5000;
  -- What one step looks at. If few events match, a step has many stretches.
  stretch_min constant integer := 200;
  look_max constant integer := 10000;
  step_time constant interval := '50 ms';
  step_gap constant interval := '100 ms';
  preparing_gap_max constant interval := '5 s';
  delivering_gap_max constant interval := '60 s';
  started constant timestamptz := clock_timestamp();
  replay postrider.replay;
  range_end uuid;
  endpoint_state text;
  is_next boolean;
  waiting record;
  looked_at integer := 0;
  has_moved boolean := false;
  part record;
begin
  perform postrider_internal.require_home();
  prepared := 0;
  -- Null if another daemon has it, or an operator is cancelling it.
  replay := (
    select r from postrider.replay r
    where r.id = prepare_replay.replay_id and r.finished_at is null and r.next_step_at <= started
    for update skip locked);
  if replay.id is null then
    outcome := 'busy';
    return;
  end if;
  range_end := postrider_internal.replay_end(replay.until);

  select e.state into endpoint_state from postrider.endpoint e where e.id = replay.endpoint_id;
  if replay.state = 'cancelled' or endpoint_state is null or endpoint_state = 'disabled' then
    perform postrider_internal.end_replay(replay.id,
      case when replay.state = 'cancelled' then replay.reason else postrider_internal.discard_reason(endpoint_state) end);
    select case when r.finished_at is null then 'cancelling' else 'cancelled' end into outcome
    from postrider.replay r
    where r.id = replay.id;
    return;
  end if;

  waiting := postrider_internal.count_replayed(replay.id, pending_max + scheduled_max);
  if replay.state = 'preparing' then
    is_next := not exists (
      select from postrider.replay o
      where o.endpoint_id = replay.endpoint_id and o.state = 'preparing' and o.id < replay.id);
    if waiting.unsent * 2 > replay.pace then
      replay.pace := greatest(pace_min, replay.pace * 3 / 4);
    elsif is_next and endpoint_state = 'active' and waiting.begun < pending_max
      and waiting.pending - waiting.begun < scheduled_max
    then
      if waiting.unsent = 0 and replay.prepared > 0 then
        replay.pace := least(pace_max, replay.pace * 2);
      end if;
      loop
        part := postrider_internal.prepare_deliveries(replay, replay.after_event, greatest(stretch_min, replay.pace), replay.pace - prepared);
        prepared := prepared + part.prepared;
        replay.left_alone := replay.left_alone + part.left_alone;
        looked_at := looked_at + greatest(stretch_min, replay.pace);
        has_moved := has_moved or part.place > replay.after_event;
        replay.after_event := part.place;
        exit when part.is_held_up or prepared >= replay.pace or replay.after_event >= range_end
          or looked_at >= look_max or clock_timestamp() - started > step_time;
      end loop;
    end if;
    if replay.after_event >= range_end then
      replay.state := 'delivering';
      -- It is the turn of the next one, which need not wait out its pause.
      update postrider.replay r set next_step_at = started
      where r.id = (
        select o.id from postrider.replay o where o.endpoint_id = replay.endpoint_id and o.state = 'preparing' and o.id > replay.id
        order by o.id limit 1 for update skip locked);
    end if;
  end if;
  if replay.state = 'delivering' and waiting.pending = 0 and prepared = 0 then
    replay.state := 'done';
    replay.finished_at := clock_timestamp();
  end if;
  if has_moved then
    replay.progressed_at := clock_timestamp();
  end if;

  update postrider.replay r
  set state = replay.state, reason = null, after_event = replay.after_event, prepared = r.prepared + prepare_replay.prepared,
      left_alone = replay.left_alone, pace = replay.pace, progressed_at = replay.progressed_at, finished_at = replay.finished_at,
      -- The longer nothing has moved, the longer the pause; no pause if the step found nothing to send and must look
      -- on.
      next_step_at = clock_timestamp() + case
        when has_moved and prepare_replay.prepared = 0 then interval '0'
        else least(greatest((clock_timestamp() - replay.progressed_at) / 10, step_gap),
                   case when replay.state = 'delivering' then delivering_gap_max else preparing_gap_max end)
      end
  where r.id = replay.id;
  -- After the look at what is pending, so that what had finished by then is here.
  perform postrider_internal.count_replay_failures(replay.id);
  outcome := replay.state;
end
$$;
comment on function postrider_internal.prepare_replay(uuid) is
  'Takes one step of a replay: makes the next few of its deliveries pending and moves its cursor, or finishes it. outcome is its state; cancelling while one of its deliveries is still in flight; busy if nothing can be done now.';
