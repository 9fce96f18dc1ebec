create or replace function postrider_internal.prepare_deliveries(
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
-- Makes the deliveries of one stretch. It neither waits for a locked row nor skips it: the cursor stays before the first
-- of them. An endpoint that is ordered gets all events of a millisecond in one step, because before PostgreSQL 18 their ids
-- are in any order.
declare
  judge_ms constant integer := 100;
  new_events uuid[];
  finished_events uuid[];
  busy_events uuid[];
  held_events uuid[];
  first_locked uuid;
  added integer;
  is_ordered boolean := coalesce((select e.ordered from postrider.endpoint e where e.id = replay.endpoint_id), false);
begin
  if is_ordered then
    events_max := postrider_internal.whole_milliseconds(prepare_deliveries.after_event, events_max);
  end if;
  with stretch as materialized (
    select s.event_id, s.verdict
    from postrider_internal.replay_stretch(replay, prepare_deliveries.after_event, events_max, judge_ms, is_ordered) s
  ), chosen as (
    select s.event_id, s.verdict from stretch s where s.verdict in ('new', 'again')
    order by case when is_ordered then left(s.event_id::text, length('01234567-89ab')) else s.event_id::text end collate "C"
    fetch first deliveries_max rows with ties
  )
  select array_agg(c.event_id order by c.event_id) filter (where c.verdict = 'new'),
         array_agg(c.event_id order by c.event_id) filter (where c.verdict = 'again'),
         (select array_agg(s.event_id) from stretch s where s.verdict = 'busy'),
         case
           when count(*) >= deliveries_max then (array_agg(c.event_id order by c.event_id))[count(*)]
           else (select s.event_id from stretch s where s.verdict = 'end')
         end
  into new_events, finished_events, busy_events, place
  from chosen c;

  held_events := array(
    select d.event_id
    from unnest(finished_events) f (event_id)
    join postrider.delivery d on d.event_id = f.event_id and d.endpoint_id = replay.endpoint_id
    -- It may have been sent since the look.
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
    if is_ordered then
      first_locked := postrider.uuid_v7_floor(postrider.uuid_v7_time(first_locked));
    end if;
    place := coalesce(
      (select u.event_id from unnest(new_events || finished_events) u (event_id) where u.event_id < first_locked order by u.event_id desc limit 1),
      prepare_deliveries.after_event);
  end if;

  update postrider.delivery d
  set state = 'pending', next_attempt_at = postrider_internal.due_time(d.event_id), finished_at = null, attempts_before = d.attempts,
      batch_id = null, replay_id = replay.id, state_before = d.state, pull_place = postrider_internal.kept_place(d.endpoint_id, d.pull_place),
      (ordering_key, ordering_seq) = (
        select p.ordering_key, p.ordering_seq from postrider_internal.place_in_order(d.event_id, d.endpoint_id, is_ordered) p)
  from unnest(held_events) h (event_id)
  where h.event_id <= place and d.event_id = h.event_id and d.endpoint_id = replay.endpoint_id;
  get diagnostics prepared = row_count;

  if exists (select from postrider.endpoint e where e.id = replay.endpoint_id and (e.transforms or e.has_transformed)) then
    -- It is made anew, by what the endpoint says now.
    delete from postrider.transformation t
    using unnest(held_events) h (event_id)
    where h.event_id <= place and t.event_id = h.event_id and t.endpoint_id = replay.endpoint_id;
  end if;

  insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, replay_id, ordering_key, ordering_seq)
  select n.event_id, replay.endpoint_id, 'pending', postrider_internal.due_time(n.event_id), replay.id, p.ordering_key, p.ordering_seq
  from unnest(new_events) n (event_id)
  left join lateral postrider_internal.place_in_order(n.event_id, replay.endpoint_id, is_ordered) p on true
  where n.event_id <= place
  on conflict do nothing; -- made by another session since the look
  get diagnostics added = row_count;
  prepared := prepared + added;
  select (select count(*) from unnest(busy_events) b (event_id) where b.event_id <= place)
         + (select count(*) from unnest(new_events) n (event_id) where n.event_id <= place) - added
  into left_alone;
end
$$;
comment on function postrider_internal.prepare_deliveries(postrider.replay, uuid, integer, integer) is
  'Makes the deliveries of one stretch of a replay pending, up to a limit, and returns where the cursor moves. is_held_up: a delivery is locked and must be looked at again.';
