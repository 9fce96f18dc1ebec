-- Replays: a range of deliveries again by hand, prepared in small steps by the daemons.
-- locks: postrider.delivery and postrider.endpoint, exclusively and for a moment, for triggers
-- breaking: no
--
-- A replay is a row with a cursor over the ids of its range. A daemon takes a step: it looks at the next stretch of events,
-- makes those that are to be sent again pending, and moves the cursor, in one transaction; so a crash leaves neither a gap
-- nor a repetition, and the next step, by whichever daemon, goes on from there.
--
--   preparing   the cursor has not come to the end of the range
--   delivering  it has, and deliveries are pending
--   done        none is pending any more
--   cancelled   by cancel_replay, or with its endpoint; finished_at is set when nothing of it is in flight any more
--
-- Pacing. A step makes as many deliveries as its pace says, and none while more than half of them still wait to be sent: the
-- pace grows while the endpoint takes everything until the next look and shrinks while it does not. What waits of a replay
-- is so what its endpoint takes in a few tenths of a second, and a live retry that comes due behind it waits no longer than
-- that. One replay of an endpoint prepares at a time, the oldest first.
--
-- What is left alone: a delivery that is pending or in flight, one that has finished since the replay was asked for, and an
-- event that no daemon has claimed yet. All of them are delivered anyway.
--
-- Lock order: for an operator the endpoint, then the replay, then its deliveries by event, and only those that nobody has
-- locked. A step begins with the replay, and waits for no lock.

create table postrider.replay (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  since timestamptz not null,
  until timestamptz not null,
  event_type text not null,
  states text[],
  state text not null default 'preparing',
  reason text,
  events bigint not null default 0,
  after_event uuid not null,
  prepared bigint not null default 0,
  left_alone bigint not null default 0,
  exhausted bigint not null default 0,
  discarded bigint not null default 0,
  restored bigint not null default 0,
  pace integer not null default 16,
  created_at timestamptz not null default clock_timestamp(),
  progressed_at timestamptz not null default clock_timestamp(),
  next_step_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  requested_by text not null default session_user,
  constraint replay_pkey primary key (id),
  constraint "a replay is preparing, delivering, done or cancelled"
    check (state in ('preparing', 'delivering', 'done', 'cancelled')),
  constraint "a replay is finished when it is done, and not before it is done or cancelled"
    check (case state when 'done' then finished_at is not null when 'cancelled' then true else finished_at is null end),
  constraint "a cancelled replay has a reason" check (state <> 'cancelled' or reason is not null),
  constraint "a replay begins before it ends" check (since < until)
) with (fillfactor = 50);
create index replay_unfinished on postrider.replay (id) where finished_at is null;
create index replay_endpoint_id on postrider.replay (endpoint_id);
comment on table postrider.replay is
  'Replays: ranges of events that an endpoint gets again. Made by postrider.replay(), moved on by the daemons; to be read through postrider.replay_status.';
comment on column postrider.replay.id is 'Identifies the replay; ordered by time.';
comment on column postrider.replay.endpoint_id is 'The endpoint that gets the events.';
comment on column postrider.replay.since is 'Events from this time on, by when they were inserted.';
comment on column postrider.replay.until is 'Events from before this time.';
comment on column postrider.replay.event_type is 'Which types of those that the endpoint is subscribed to: exact, a prefix such as order.*, or *.';
comment on column postrider.replay.states is 'Only deliveries in one of these states; null for all, and for events that the endpoint has no delivery of.';
comment on column postrider.replay.state is 'preparing: deliveries are being made pending step by step; delivering: all are, and some are not finished; done; cancelled.';
comment on column postrider.replay.reason is 'Why it was cancelled; while it is under way, what was wrong with its last step.';
comment on column postrider.replay.events is 'How many events it was to send when it was asked for.';
comment on column postrider.replay.after_event is 'The cursor: everything up to this id has been looked at.';
comment on column postrider.replay.prepared is 'Deliveries that it has made or made pending again.';
comment on column postrider.replay.left_alone is 'Events of the range that were on their way already when their turn came.';
comment on column postrider.replay.exhausted is 'Deliveries that were exhausted again, without those in postrider.replay_failure.';
comment on column postrider.replay.discarded is 'Deliveries that were discarded meanwhile, without those in postrider.replay_failure.';
comment on column postrider.replay.restored is 'Deliveries that were not sent and have the state again that they had before, since it was cancelled.';
comment on column postrider.replay.pace is 'How many deliveries one step makes: grows and shrinks with what the endpoint takes.';
comment on column postrider.replay.created_at is 'When it was asked for.';
comment on column postrider.replay.progressed_at is 'When a step last found something to do.';
comment on column postrider.replay.next_step_at is 'When its next step is due.';
comment on column postrider.replay.finished_at is 'When it was done, or cancelled and nothing of it was in flight any more.';
comment on column postrider.replay.requested_by is 'The database role that asked for it.';

create table postrider.replay_failure (
  replay_id uuid not null,
  state text not null,
  constraint "a replayed delivery fails as exhausted or discarded" check (state in ('exhausted', 'discarded'))
);
-- It has no key, and without an identity a publication of the schema would refuse the deletes.
alter table postrider.replay_failure replica identity full;
create index replay_failure_replay_id on postrider.replay_failure (replay_id);
comment on table postrider.replay_failure is
  'Replayed deliveries that did not succeed and are not counted yet: added by a trigger, taken into postrider.replay by the next step. Apart from it, so that nobody who records waits for a counter.';
comment on column postrider.replay_failure.replay_id is 'The replay.';
comment on column postrider.replay_failure.state is 'exhausted or discarded.';

create function postrider.note_replay_failure() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into postrider.replay_failure (replay_id, state) values (new.replay_id, new.state);
  return null;
end
$$;
comment on function postrider.note_replay_failure() is 'Notes a replayed delivery that was exhausted or discarded.';
-- Successes are what is left: counting each would double what the success of a replayed delivery writes.
create trigger note_replay_failure after update of state on postrider.delivery
  for each row when (old.replay_id = new.replay_id and old.state = 'pending' and new.state in ('exhausted', 'discarded'))
  execute function postrider.note_replay_failure();
comment on trigger note_replay_failure on postrider.delivery is 'Fires only for replayed deliveries that did not succeed.';

-- Which events ----------------------------------------------------------------------------------------------------

create function postrider.partition_time(id uuid) returns timestamptz
language sql immutable parallel safe strict
return to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0);
comment on function postrider.partition_time(uuid) is
  'The time that the first 48 bits of a UUID stand for, whatever its version: what its partition goes by.';

create function postrider.replay_end(until timestamptz) returns uuid
language sql stable parallel safe strict
-- an id is made just before created_at is taken; a second is ample
return postrider.uuid_v7_floor(until + interval '1 s');
comment on function postrider.replay_end(timestamptz) is 'The bound below which the ids of all events lie that were inserted before this time.';

create function postrider.replay_stretch(replay postrider.replay, after_event uuid, events_max integer, judge_ms integer)
returns table (event_id uuid, verdict text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- One stretch of the range, within one day, so that one partition is read. A verdict for each event that the endpoint's
-- subscriptions match: new (no delivery), again (a finished one), under way (left alone). The last row is the end of the
-- stretch: everything up to that id has been looked at. Filters may take long; after judge_ms the stretch ends early.
declare
  range_end constant uuid := postrider.replay_end(replay.until);
  stretch_end constant uuid := least(range_end,
    postrider.uuid_v7_floor(date_trunc('day', postrider.partition_time(after_event), 'UTC') + interval '24 hours'));
  owner text;
  deadline constant timestamptz := clock_timestamp() + judge_ms * interval '1 ms';
begin
  select e.tenant into owner from postrider.endpoint e where e.id = replay.endpoint_id;
  return query
    with stretch as materialized (
      select o.id, o.xid, o.seq, o.event_type, o.tenant, o.created_at
      from postrider.outbox o
      where o.id > after_event and o.id < stretch_end
      order by o.id
      limit events_max
    ), kind as materialized (
      select k.event_type, case when bool_and(s.filter is not null) then array_agg(s.filter) end as filters
      from (select distinct i.event_type from stretch i where i.tenant = owner) k
      cross join lateral unnest(postrider.event_type_patterns(k.event_type)) p (pattern)
      join postrider.subscription s on s.endpoint_id = replay.endpoint_id and s.event_type = p.pattern
      where replay.event_type = any (postrider.event_type_patterns(k.event_type))
      group by k.event_type
    ), cursor as materialized (
      select c.base, c.target, c.after_xid, c.after_seq from postrider.claim c order by c.id desc limit 1
    ), in_hand as materialized (
      select p.event_id
      from postrider.claim c
      cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
      where p.endpoint_id = replay.endpoint_id
    ), standing as materialized (
      select i.id, k.filters,
             case
               when d.state = 'pending' or d.finished_at > replay.created_at then 'under way'
               when d.state is not null then case when replay.states is null or d.state = any (replay.states) then 'again' end
               when not (pg_visible_in_snapshot(i.xid, c.base)
                 or c.target is not null and pg_visible_in_snapshot(i.xid, c.target)
                   and (i.xid, i.seq) <= (c.after_xid, c.after_seq)) then 'under way'
               when i.id in (select h.event_id from in_hand h) then 'under way'
               when replay.states is null then 'new'
             end as verdict
      from stretch i
      join kind k on k.event_type = i.event_type
      cross join cursor c
      left join lateral (
        select d.state, d.finished_at
        from postrider.delivery d
        where d.event_id = i.id and d.endpoint_id = replay.endpoint_id
        offset 0) d on true
      where i.tenant = owner and i.created_at >= replay.since and i.created_at < replay.until
    ), judged as materialized (
      select s.id, s.verdict,
             case
               when s.filters is null then 'matches'
               -- the first one always has its turn, so that there is progress
               when s.n > 1 and clock_timestamp() > deadline then 'late'
               when exists (
                 select from postrider.outbox o
                 cross join lateral postrider.judge_filters(
                   o.payload, array_fill(replay.endpoint_id, array[cardinality(s.filters)]), s.filters) m
                 where o.id = s.id and m.problem is null and not m.is_slow) then 'matches'
             end as judgement
      from (
        select n.id, n.verdict, n.filters, row_number() over (order by n.id) as n
        from standing n
        where n.verdict is not null
        order by n.id
        offset 0) s
    ), late as materialized (
      select j.id from judged j where j.judgement = 'late' order by j.id limit 1
    ), last as materialized (
      select count(*) as looked_at, (array_agg(i.id order by i.id))[count(*)] as id
      from stretch i
      where not exists (select from late l where l.id <= i.id)
    )
    select j.id, j.verdict
    from judged j
    where j.judgement = 'matches' and not exists (select from late l where l.id < j.id)
    union all
    select case
             when l.looked_at = events_max or exists (select from late) then l.id
             -- the day is through; on to the first event of the days after it
             else coalesce((select postrider.uuid_v7_floor(postrider.partition_time(o.id)) from postrider.outbox o
                            where o.id >= stretch_end and o.id < range_end order by o.id limit 1), range_end)
           end,
           'end'
    from last l;
end
$$;
comment on function postrider.replay_stretch(postrider.replay, uuid, integer, integer) is
  'Looks at up to so many events of a replay''s range, from a cursor on: which of them it sends. The last row, end, is the cursor''s next place.';

-- One step --------------------------------------------------------------------------------------------------------

create function postrider.prepare_deliveries(
  replay postrider.replay, after_event uuid, events_max integer, deliveries_max integer,
  out place uuid, out prepared integer, out left_alone integer, out is_held_up boolean
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
-- Makes the deliveries of one stretch. Rows that somebody has locked are not waited for, and not passed over either: the
-- cursor stays before the first of them.
declare
  judge_ms constant integer := 100;
  new_events uuid[];
  finished_events uuid[];
  busy_events uuid[];
  held_events uuid[];
  first_locked uuid;
  added integer;
begin
  with stretch as materialized (
    select s.event_id, s.verdict
    from postrider.replay_stretch(replay, prepare_deliveries.after_event, events_max, judge_ms) s
  ), chosen as (
    select s.event_id, s.verdict from stretch s where s.verdict in ('new', 'again') order by s.event_id limit deliveries_max
  )
  select array_agg(c.event_id order by c.event_id) filter (where c.verdict = 'new'),
         array_agg(c.event_id order by c.event_id) filter (where c.verdict = 'again'),
         (select array_agg(s.event_id) from stretch s where s.verdict = 'under way'),
         case
           when count(*) = deliveries_max then (array_agg(c.event_id order by c.event_id))[count(*)]
           else (select s.event_id from stretch s where s.verdict = 'end')
         end
  into new_events, finished_events, busy_events, place
  from chosen c;

  held_events := array(
    select d.event_id
    from unnest(finished_events) f (event_id)
    join postrider.delivery d on d.event_id = f.event_id and d.endpoint_id = replay.endpoint_id
    -- it may have been sent since the look
    where d.state <> 'pending' and d.finished_at <= replay.created_at
    order by d.event_id
    for update of d skip locked);
  select f.event_id into first_locked
  from unnest(finished_events) f (event_id)
  where f.event_id <> all (held_events)
  order by f.event_id
  limit 1;
  is_held_up := first_locked is not null;
  if is_held_up then
    place := coalesce(
      (select u.event_id from unnest(new_events || finished_events) u (event_id) where u.event_id < first_locked order by u.event_id desc limit 1),
      prepare_deliveries.after_event);
  end if;

  update postrider.delivery d
  set state = 'pending', next_attempt_at = clock_timestamp(), finished_at = null, attempts_before = d.attempts,
      replay_id = replay.id, state_before = d.state
  from unnest(held_events) h (event_id)
  where h.event_id <= place and d.event_id = h.event_id and d.endpoint_id = replay.endpoint_id;
  get diagnostics prepared = row_count;

  insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, replay_id)
  select n.event_id, replay.endpoint_id, 'pending', clock_timestamp(), replay.id
  from unnest(new_events) n (event_id)
  where n.event_id <= place
  on conflict do nothing; -- somebody has made it since the look
  get diagnostics added = row_count;
  prepared := prepared + added;
  select (select count(*) from unnest(busy_events) b (event_id) where b.event_id <= place)
         + (select count(*) from unnest(new_events) n (event_id) where n.event_id <= place) - added
  into left_alone;
end
$$;
comment on function postrider.prepare_deliveries(postrider.replay, uuid, integer, integer) is
  'Makes the deliveries of one stretch of a replay pending, up to so many; returns the cursor''s next place. is_held_up: a delivery is locked, and is looked at again.';

create function postrider.withdraw_replayed(replay_id uuid, deliveries_max integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  restored_count integer;
begin
  with waiting as materialized (
    select d.event_id, d.endpoint_id, d.state_before
    from postrider.delivery d
    where d.replay_id = withdraw_replayed.replay_id and d.state = 'pending'
      -- an attempt under way is left to its end
      and (d.lease_expires_at is null or d.lease_expires_at <= clock_timestamp())
    order by d.event_id
    limit deliveries_max
    for update skip locked
  ), withdrawn as (
    update postrider.delivery d
    set state = coalesce(d.state_before, 'discarded'),
        reason = case when coalesce(d.state_before, 'discarded') = 'discarded' then coalesce(d.reason, 'its replay was cancelled') end,
        finished_at = coalesce(
          (select max(a.started_at + a.duration_ms * interval '1 ms') from postrider.attempt a
           where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id),
          clock_timestamp()),
        attempts_before = d.attempts,
        next_attempt_at = null, leased_by = null, lease_expires_at = null,
        replay_id = case when d.state_before is null then d.replay_id end,
        state_before = null
    from waiting w
    where d.event_id = w.event_id and d.endpoint_id = w.endpoint_id
    returning w.state_before
  )
  select count(*) filter (where w.state_before is not null) into restored_count from withdrawn w;
  return restored_count;
end
$$;
comment on function postrider.withdraw_replayed(uuid, integer) is
  'Ends up to so many pending deliveries of a replay: those that had a state before have it again, the others are discarded. Returns how many were restored. Attempts under way are left alone.';

create function postrider.count_replay_failures(replay_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  exhausted_count integer;
  discarded_count integer;
begin
  with failure as (
    delete from postrider.replay_failure f where f.replay_id = count_replay_failures.replay_id returning f.state
  )
  select count(*) filter (where f.state = 'exhausted'), count(*) filter (where f.state = 'discarded')
  into exhausted_count, discarded_count
  from failure f;
  if exhausted_count + discarded_count > 0 then
    update postrider.replay r
    set exhausted = r.exhausted + exhausted_count, discarded = r.discarded + discarded_count
    where r.id = count_replay_failures.replay_id;
  end if;
end
$$;
comment on function postrider.count_replay_failures(uuid) is 'Takes the failures of a replay that are not counted yet into its row.';

create function postrider.end_replay(replay_id uuid, reason text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- More than pending_max is never pending of a replay, so that what is left is in flight, or locked. Called again by the
-- daemons until nothing is.
declare
  pending_max constant integer := 10000;
  restored_count integer;
begin
  update postrider.replay r set state = 'cancelled', reason = end_replay.reason where r.id = end_replay.replay_id;
  restored_count := postrider.withdraw_replayed(end_replay.replay_id, pending_max);
  update postrider.replay r
  set restored = r.restored + restored_count,
      next_step_at = clock_timestamp() + interval '500 ms',
      finished_at = case when not exists (
        select from postrider.delivery d where d.replay_id = r.id and d.state = 'pending') then clock_timestamp() end
  where r.id = end_replay.replay_id;
  perform postrider.count_replay_failures(end_replay.replay_id);
end
$$;
comment on function postrider.end_replay(uuid, text) is
  'Cancels a replay and withdraws what has not been sent; it is finished when nothing of it is in flight any more.';

create function postrider.prepare_replay(replay_id uuid, out outcome text, out prepared integer)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
declare
  pace_min constant integer := 8;
  pace_max constant integer := 500;
  -- retries included, so that an endpoint which fails everything stops its replay
  pending_max constant integer := 5000;
  -- what one step looks at: where few events match, a step is made of many stretches
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
  pending integer;
  unsent integer;
  looked_at integer := 0;
  has_moved boolean := false;
  part record;
begin
  perform postrider.require_home();
  prepared := 0;
  -- not found: another daemon has it, or an operator who is cancelling it
  replay := (
    select r from postrider.replay r
    where r.id = prepare_replay.replay_id and r.finished_at is null and r.next_step_at <= started
    for update skip locked);
  if replay.id is null then
    outcome := 'busy';
    return;
  end if;
  range_end := postrider.replay_end(replay.until);

  select e.state into endpoint_state from postrider.endpoint e where e.id = replay.endpoint_id;
  if replay.state = 'cancelled' or endpoint_state is null or endpoint_state = 'disabled' then
    perform postrider.end_replay(replay.id,
      case when replay.state = 'cancelled' then replay.reason else postrider.discard_reason(endpoint_state) end);
    select case when r.finished_at is null then 'cancelling' else 'cancelled' end into outcome
    from postrider.replay r
    where r.id = replay.id;
    return;
  end if;

  select count(*), count(*) filter (where w.lease_expires_at is null and w.next_attempt_at <= started)
  into pending, unsent
  from (
    select d.next_attempt_at, d.lease_expires_at
    from postrider.delivery d
    where d.replay_id = replay.id and d.state = 'pending'
    limit pending_max) w;

  if replay.state = 'preparing' then
    is_next := not exists (
      select from postrider.replay o
      where o.endpoint_id = replay.endpoint_id and o.state = 'preparing' and o.id < replay.id);
    if unsent * 2 > replay.pace then
      replay.pace := greatest(pace_min, replay.pace * 3 / 4);
    elsif is_next and endpoint_state = 'active' and pending < pending_max then
      if unsent = 0 and replay.prepared > 0 then
        replay.pace := least(pace_max, replay.pace * 2);
      end if;
      loop
        part := postrider.prepare_deliveries(replay, replay.after_event, greatest(stretch_min, replay.pace), replay.pace - prepared);
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
    end if;
  end if;
  if replay.state = 'delivering' and pending = 0 and prepared = 0 then
    replay.state := 'done';
    replay.finished_at := clock_timestamp();
  end if;
  if has_moved then
    replay.progressed_at := clock_timestamp();
  end if;

  update postrider.replay r
  set state = replay.state, reason = null, after_event = replay.after_event, prepared = r.prepared + prepare_replay.prepared,
      left_alone = replay.left_alone, pace = replay.pace, progressed_at = replay.progressed_at, finished_at = replay.finished_at,
      -- the longer nothing has moved, the longer the pause; and none where the step found nothing to send and is to look on
      next_step_at = clock_timestamp() + case
        when has_moved and prepare_replay.prepared = 0 then interval '0'
        else least(greatest((clock_timestamp() - replay.progressed_at) / 10, step_gap),
                   case when replay.state = 'delivering' then delivering_gap_max else preparing_gap_max end)
      end
  where r.id = replay.id;
  -- after the look at what is pending: what has finished by then is here by now
  perform postrider.count_replay_failures(replay.id);
  outcome := replay.state;
end
$$;
comment on function postrider.prepare_replay(uuid) is
  'One step of a replay: makes the next few of its deliveries pending, and moves its cursor, or finishes it. outcome is its state, cancelling while something of it is in flight still, busy where nothing is to be done now.';

create function postrider.note_replay_problem(replay_id uuid, problem text) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  update postrider.replay r
  set reason = note_replay_problem.problem, next_step_at = clock_timestamp() + interval '10 s'
  where r.id = note_replay_problem.replay_id and r.finished_at is null and r.state <> 'cancelled';
end;
comment on function postrider.note_replay_problem(uuid, text) is
  'Says what was wrong with a step, where operators look for it; the next one is due in ten seconds.';

-- With the endpoint. Before endpoint_disabled and endpoint_deleted, by its name: what the replay has taken up returns to the
-- state that it had, and is not discarded.
create function postrider.end_replays() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  unfinished uuid;
begin
  for unfinished in
    select r.id from postrider.replay r
    where r.endpoint_id = old.id and r.state in ('preparing', 'delivering')
    order by r.id
  loop
    perform postrider.end_replay(unfinished, postrider.discard_reason(case when tg_op = 'UPDATE' then new.state end));
  end loop;
  return null;
end
$$;
comment on function postrider.end_replays() is 'Cancels the replays of an endpoint that was disabled or deleted.';
create trigger end_replays after update of state on postrider.endpoint
  for each row when (new.state = 'disabled' and old.state <> 'disabled') execute function postrider.end_replays();
comment on trigger end_replays on postrider.endpoint is 'Cancels the replays of an endpoint that is disabled.';
create trigger end_all_replays after delete on postrider.endpoint
  for each row execute function postrider.end_replays();
comment on trigger end_all_replays on postrider.endpoint is 'Cancels the replays of an endpoint that is deleted.';

-- For operators ---------------------------------------------------------------------------------------------------

create function postrider.replay(
  endpoint_id uuid, since timestamptz, until timestamptz default now(), event_type text default '*',
  states text[] default null, dry_run boolean default false,
  out replay_id uuid, out events bigint
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
as $$
#variable_conflict use_variable
declare
  known constant text[] := '{succeeded,exhausted,discarded}';
  count_stretch constant integer := 10000;
  count_judge_ms constant integer := 3600000;
  unknown text;
  oldest_at timestamptz;
  range_end uuid;
  place uuid;
  found_count bigint;
  replay postrider.replay;
begin
  perform postrider.require_endpoint(endpoint_id);
  if exists (select from postrider.endpoint e where e.id = endpoint_id and e.state = 'disabled') then
    raise exception 'endpoint % is disabled', endpoint_id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(endpoint_id).';
  end if;
  if since is null then
    raise exception 'since is null'
      using errcode = 'null_value_not_allowed', hint = 'Say from when on: a time, such as now() - interval ''2 hours'', or ''-infinity'' for everything.';
  end if;
  -- what is inserted from now on is delivered anyway
  until := least(coalesce(until, 'infinity'), clock_timestamp());
  if since >= until then
    raise exception 'there is no time between since, %, and until, %', since, until
      using errcode = 'invalid_parameter_value', hint = 'since is the earlier one, and until no later than now.';
  end if;
  if event_type is null or length(event_type) > 255
    or not (event_type = '*' or event_type ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*)?$') then
    raise exception 'there is no event type %', coalesce(quote_literal(event_type), 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give an exact type, a prefix such as order.*, or * for all that the endpoint is subscribed to.';
  end if;
  if cardinality(states) = 0 then
    raise exception 'states is empty'
      using errcode = 'invalid_parameter_value', hint = format('Give any of %s; null for all, and for events without a delivery.', array_to_string(known, ', '));
  end if;
  select coalesce(quote_literal(s.state), 'null') into unknown
  from unnest(states) s (state)
  where s.state is null or s.state <> all (known)
  limit 1;
  if found then
    raise exception 'deliveries are not replayed by the state %', unknown
      using errcode = 'invalid_parameter_value',
        detail = case when unknown = quote_literal('pending') then 'What is pending is on its way already.'
                      else 'What is replayed has finished in one state or another, or never had a delivery.' end,
        hint = format('The states are: %s.', array_to_string(known, ', '));
  end if;
  -- by its id: within a millisecond ids are in no order
  select postrider.partition_time(o.id) into oldest_at from postrider.outbox o order by o.id limit 1;
  if oldest_at - interval '1 ms' >= until then
    raise exception 'there is no event from before %', until
      using errcode = 'no_data_found', detail = format('The oldest event that is retained is from %s.', oldest_at);
  end if;

  replay.endpoint_id := endpoint_id;
  replay.since := since;
  replay.until := until;
  replay.event_type := event_type;
  replay.states := states;
  replay.created_at := clock_timestamp();
  range_end := postrider.replay_end(until);
  -- An id is made just before created_at is taken: ten seconds are ample. What lies before the oldest event is passed over.
  replay.after_event := postrider.uuid_v7_floor(greatest(since - interval '10 s', coalesce(oldest_at, until) - interval '1 s'));
  place := replay.after_event;
  events := 0;
  while place < range_end loop
    select count(*) filter (where s.verdict in ('new', 'again')), (array_agg(s.event_id) filter (where s.verdict = 'end'))[1]
    into found_count, place
    from postrider.replay_stretch(replay, place, count_stretch, count_judge_ms) s;
    events := events + found_count;
  end loop;
  if dry_run then
    return;
  end if;

  insert into postrider.replay as r (endpoint_id, since, until, event_type, states, events, after_event, created_at)
  values (endpoint_id, since, until, event_type, states, events, replay.after_event, replay.created_at)
  returning r.id into replay_id;
  perform postrider.note_action('replay', endpoint_id, null, jsonb_strip_nulls(jsonb_build_object(
    'replay_id', replay_id, 'since', since, 'until', until, 'event_type', event_type, 'states', states, 'events', events)));
  perform postrider.notify_daemons();
end
$$;
comment on function postrider.replay(uuid, timestamptz, timestamptz, text, text[], boolean) is
  'Sends a range of events to an endpoint again: those inserted since, and before until, that its subscriptions match now, also from before it existed. event_type and states (succeeded, exhausted, discarded) narrow it down. Returns the replay''s id and how many events it is; dry_run only counts. Reads the range once, some 10 us an event.';

create function postrider.cancel_replay(replay_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  old_replay record;
begin
  -- the endpoint first, as everything does that ends a replay
  perform from postrider.endpoint e
  where e.id = (select r.endpoint_id from postrider.replay r where r.id = replay_id)
  for no key update;
  select r.endpoint_id, r.state into old_replay from postrider.replay r where r.id = replay_id for update;
  if not found then
    raise exception 'there is no replay %', coalesce(replay_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select replay_id, url, state from postrider.replay_status lists them.';
  end if;
  if old_replay.state in ('done', 'cancelled') then
    raise exception 'replay % is % already', replay_id, old_replay.state
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  perform postrider.end_replay(replay_id, 'cancelled by ' || session_user);
  perform postrider.note_action('cancel_replay', old_replay.endpoint_id, null, jsonb_build_object('replay_id', replay_id));
end
$$;
comment on function postrider.cancel_replay(uuid) is
  'Ends a replay. Deliveries that it has not sent have the state again that they had before; those that did not exist are discarded. What a daemon has in hand is sent.';

create view postrider.replay_status as
  select r.id as replay_id, r.endpoint_id, e.shown_url as url, coalesce(e.state, 'deleted') as endpoint_state,
         r.state, r.reason, r.since, r.until, r.event_type, r.states, r.events, r.prepared, r.left_alone, p.pending,
         r.prepared - r.restored - p.pending - r.exhausted - f.exhausted - r.discarded - f.discarded as succeeded,
         r.exhausted + f.exhausted as exhausted,
         r.discarded + f.discarded as discarded,
         r.restored, r.created_at, r.progressed_at, r.finished_at, r.requested_by
  from postrider.replay r
  left join postrider.endpoint e on e.id = r.endpoint_id
  cross join lateral (
    select count(*) as pending
    from postrider.delivery d
    where r.finished_at is null and d.replay_id = r.id and d.state = 'pending') p
  cross join lateral (
    select count(*) filter (where n.state = 'exhausted') as exhausted, count(*) filter (where n.state = 'discarded') as discarded
    from postrider.replay_failure n
    where n.replay_id = r.id) f;
comment on view postrider.replay_status is
  'The replays and how far they are. Cheap: what has finished is counted as it finishes, and what is pending of a replay is bounded.';
comment on column postrider.replay_status.replay_id is 'The replay.';
comment on column postrider.replay_status.endpoint_id is 'The endpoint that gets the events.';
comment on column postrider.replay_status.url is 'The endpoint''s URL.';
comment on column postrider.replay_status.endpoint_state is 'active; paused: the replay waits; disabled or deleted: it was cancelled with it.';
comment on column postrider.replay_status.state is 'preparing: deliveries are being made pending step by step; delivering: all are, and some are not finished; done; cancelled.';
comment on column postrider.replay_status.reason is 'Why it was cancelled; while it is under way, what was wrong with its last step.';
comment on column postrider.replay_status.since is 'Events from this time on, by when they were inserted.';
comment on column postrider.replay_status.until is 'Events from before this time.';
comment on column postrider.replay_status.event_type is 'Which types of those that the endpoint is subscribed to.';
comment on column postrider.replay_status.states is 'Only deliveries in one of these states; null for all, and for events without a delivery.';
comment on column postrider.replay_status.events is 'How many events it was to send when it was asked for.';
comment on column postrider.replay_status.prepared is 'How many it has made pending so far.';
comment on column postrider.replay_status.left_alone is 'Events of the range that were on their way already when their turn came.';
comment on column postrider.replay_status.pending is 'Deliveries that wait, are in flight or are being retried.';
comment on column postrider.replay_status.succeeded is 'Deliveries that have succeeded.';
comment on column postrider.replay_status.exhausted is 'Deliveries whose retry schedule was used up.';
comment on column postrider.replay_status.discarded is 'Deliveries that were discarded.';
comment on column postrider.replay_status.restored is 'Deliveries that were not sent and have the state again that they had before, since it was cancelled.';
comment on column postrider.replay_status.created_at is 'When it was asked for.';
comment on column postrider.replay_status.progressed_at is 'When its cursor last moved.';
comment on column postrider.replay_status.finished_at is 'When it was done, or cancelled and nothing of it was in flight any more.';
comment on column postrider.replay_status.requested_by is 'The database role that asked for it.';
