create or replace function postrider_internal.lost_attempts(since timestamptz, until timestamptz) returns table (
  daemon_id uuid,
  minute timestamptz,
  endpoint_id uuid,
  attempt_number integer,
  duration_ms integer,
  cause text,
  is_again boolean,
  end_state text,
  request_place integer,
  delay_place integer
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
as $$
#variable_conflict use_column
-- A daemon counts what it has recorded in the minute in which that was, and appends the minutes in their order. So what is
-- missing of one that is gone are the attempts that were recorded behind the last minute it wrote. When that was is known
-- of a first success by the clock of Postgres, and of any other attempt by its end, by the daemon's clock.
begin
  return query
    with written as (
      select m.daemon_id, max(m.minute) as minute
      from postrider.daemon_minute m
      where m.daemon_id is not null and m.part_id <> postrider_internal.rebuilt_part(m.daemon_id, m.minute)
      group by m.daemon_id
    ), attempt as (
      select d.event_id, d.endpoint_id, d.first_daemon_id as daemon_id, 1 as attempt_number, d.first_duration_ms as duration_ms,
             null as cause, false as is_again, null as end_state, d.first_started_at + d.first_duration_ms * interval '1 ms' as ended_at,
             case when d.attempts = 1 and d.state = 'succeeded' then d.finished_at end as recorded_at
      from postrider.delivery d
      where d.first_attempt_id is not null and d.first_started_at >= lost_attempts.since - interval '1 hour'
        and d.event_id >= postrider.uuid_v7_floor(lost_attempts.since - interval '1 day')
      union all
      select a.event_id, a.endpoint_id, a.daemon_id, a.attempt_number, a.duration_ms,
             case when a.failure_kind = 'status' and a.http_status is not null then a.http_status::text else a.failure_kind::text end,
             coalesce(a.attempt_number > d.attempts_before and (d.attempts_before > 0 or d.replay_id is not null), false),
             -- Of two attempts with one number the later one has decided. What a function discards, it counts itself.
             case when a.attempt_number = d.attempts and a.failure_kind is not null
                   and (d.state = 'exhausted' or d.state = 'discarded' and a.http_status = 410 and not postrider_internal.is_cancelled(d.reason))
                   and row_number() over (partition by a.event_id, a.endpoint_id, a.attempt_number order by a.started_at desc, a.id) = 1
                  then d.state end,
             a.started_at + a.duration_ms * interval '1 ms', null
      from postrider.other_attempt a
      left join postrider.delivery d on d.event_id = a.event_id and d.endpoint_id = a.endpoint_id
      where a.started_at >= lost_attempts.since - interval '1 hour'
    ), placed as (
      select t.event_id, t.endpoint_id, t.daemon_id, t.attempt_number, t.duration_ms, t.cause, t.is_again, t.end_state, t.ended_at,
             date_bin('1 minute', coalesce(t.recorded_at, t.ended_at), 'epoch') as minute from attempt t
    ), lost as (
      select p.event_id, p.endpoint_id, p.daemon_id, p.attempt_number, p.duration_ms, p.cause, p.is_again, p.end_state, p.ended_at, p.minute
      from placed p
      left join written w on w.daemon_id = p.daemon_id
      where p.minute >= lost_attempts.since and p.minute < lost_attempts.until and (w.minute is null or p.minute > w.minute)
        and not exists (select from postrider.daemon n where n.id = p.daemon_id and n.lease_expires_at > now())
        and not exists (
          select from postrider.daemon_minute m
          where m.minute = p.minute and m.part_id = postrider_internal.rebuilt_part(p.daemon_id, p.minute))
    )
    select l.daemon_id, l.minute, l.endpoint_id, l.attempt_number, l.duration_ms, l.cause, l.is_again, l.end_state,
           -- Up to and including a bound; so a place is one more than the bounds that are smaller.
           1 + (select count(*) from unnest(postrider.request_ms_bounds()) b (ms) where b.ms < l.duration_ms)::integer,
           case when l.cause is null and not l.is_again and isfinite(o.created_at) then
             1 + (select count(*) from unnest(postrider.delay_ms_bounds()) b (ms)
                  where b.ms < extract(epoch from l.ended_at - greatest(o.created_at, case when isfinite(o.deliver_at) then o.deliver_at end)) * 1000)::integer end
    from lost l
    left join postrider.outbox o on o.id = l.event_id;
end
$$;
comment on function postrider_internal.lost_attempts(timestamptz, timestamptz) is
  'The attempts that daemons which are gone recorded in these minutes and did not count in postrider.daemon_minute; cause: how it failed, end_state: how it ended its delivery, request_place and delay_place: its places in the histograms.';
