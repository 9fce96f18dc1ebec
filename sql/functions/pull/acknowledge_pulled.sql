create or replace function postrider_internal.acknowledge_pulled(
  listener_id uuid, endpoint_id uuid, revision bigint, after_place bigint, until_place bigint, given_at timestamptz
) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by advance_pull alone, under its planner settings, and while it holds the endpoint's position. A first attempt is
-- recorded in its delivery, as for any endpoint; another one, after it was sent again, by a row of other_attempt. A delivery
-- that an operator has locked is waited for: it must be acknowledged with the others, or not at all.
declare
  present constant timestamptz := clock_timestamp();
  started constant timestamptz := least(coalesce(acknowledge_pulled.given_at, present), present);
  duration constant integer := least(2147483647, extract(epoch from present - started) * 1000);
  bounds constant integer[] := postrider.delay_ms_bounds();
  first_count integer;
  later_count integer;
  again_count integer;
  delays integer[];
begin
  with given as (
    select d.event_id, d.endpoint_id, d.attempts, d.attempts_before > 0 or d.replay_id is not null as is_again,
           extract(epoch from present - d.next_attempt_at) * 1000 as delay_ms
    from postrider.delivery d
    where d.endpoint_id = acknowledge_pulled.endpoint_id and d.pull_place is not null
      and d.pull_place > after_place and d.pull_place <= until_place and d.state = 'pending'
    order by d.pull_place
    for update
  ), done as (
    update postrider.delivery d
    set state = 'succeeded', finished_at = present, next_attempt_at = null, attempts = g.attempts + 1, is_asked = null, reason = null,
        first_attempt_id = case when g.attempts = 0 then gen_random_uuid() else d.first_attempt_id end,
        first_daemon_id = case when g.attempts = 0 then listener_id else d.first_daemon_id end,
        first_started_at = case when g.attempts = 0 then started else d.first_started_at end,
        first_duration_ms = case when g.attempts = 0 then duration else d.first_duration_ms end,
        first_endpoint_revision = case when g.attempts = 0 then revision else d.first_endpoint_revision end
    from given g
    where d.event_id between g.event_id and g.event_id and d.endpoint_id = g.endpoint_id
  ), repeated as (
    insert into postrider.other_attempt (event_id, endpoint_id, id, daemon_id, started_at, endpoint_revision, attempt_number, duration_ms)
    select g.event_id, g.endpoint_id, gen_random_uuid(), listener_id, started, revision, g.attempts + 1, duration
    from given g
    where g.attempts > 0
  )
  select count(*) filter (where g.attempts = 0), count(*) filter (where g.attempts > 0), count(*) filter (where g.is_again),
         array_agg(1 + (select count(*) from unnest(bounds) b (ms) where b.ms < g.delay_ms)::integer) filter (where not g.is_again)
  into first_count, later_count, again_count, delays
  from given g;
  if first_count + later_count > 0 then
    insert into postrider.endpoint_minute_part (minute, endpoint_id, succeeded_first, succeeded_later, sent_again, delay_ms)
    values (date_bin('1 minute', present, 'epoch'), endpoint_id, first_count, later_count, again_count, postrider_internal.histogram(delays));
    -- With the listener's id, so that rebuild_minutes() does not take these attempts for some that were not counted.
    insert into postrider.daemon_minute (minute, daemon_id, succeeded_first, succeeded_later, sent_again, delay_ms)
    values (date_bin('1 minute', present, 'epoch'), listener_id, first_count, later_count, again_count, postrider_internal.histogram(delays));
  end if;
  return first_count + later_count;
end
$$;
comment on function postrider_internal.acknowledge_pulled(uuid, uuid, bigint, bigint, bigint, timestamptz) is
  'Makes the deliveries in these places of a pull endpoint succeed, each with an attempt from when they were given until now, and returns how many.';
