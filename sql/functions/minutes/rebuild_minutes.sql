-- grant: execute to operator

create or replace function postrider.rebuild_minutes(since timestamptz, out minutes bigint, out attempts bigint)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A daemon that lives has appended by then. One that counts as gone and comes back finds these minutes added.
  late_max constant interval := '10 minutes';
  until constant timestamptz := date_bin('1 minute', clock_timestamp() - late_max, 'epoch');
  first_minute constant timestamptz := date_bin('1 minute',
    greatest(rebuild_minutes.since, clock_timestamp() - postrider_internal.retention_period() - interval '1 day'), 'epoch');
  added record;
begin
  if since is null then
    raise exception 'since is null'
      using errcode = 'null_value_not_allowed', hint = 'Say from when on: a time, such as now() - interval ''1 day''.';
  end if;
  perform postrider_internal.lock_hours();
  minutes := 0;
  attempts := 0;
  for added in
    with lost as materialized (
      select l.daemon_id, l.minute, l.endpoint_id, l.attempt_number, l.duration_ms, l.cause, l.is_again, l.end_state, l.request_place, l.delay_place
      from postrider_internal.lost_attempts(first_minute, until) l
    ), part as (
      insert into postrider.endpoint_minute_part (
        minute, endpoint_id, part_id, request_ms_total, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
        failed_again, excused, sent_bytes, failures, request_ms, delay_ms)
      select l.minute, l.endpoint_id, postrider_internal.rebuilt_part(l.daemon_id, l.minute), sum(l.duration_ms),
             count(*) filter (where l.cause is null and l.attempt_number = 1), count(*) filter (where l.cause is null and l.attempt_number > 1),
             count(l.cause), count(*) filter (where l.end_state = 'exhausted'), count(*) filter (where l.end_state = 'discarded'),
             count(*) filter (where l.is_again), count(l.cause) filter (where l.is_again), count(l.end_state) filter (where l.is_again), null,
             postrider_internal.tally(array_agg(l.cause)), postrider_internal.histogram(array_agg(l.request_place)),
             postrider_internal.histogram(array_agg(l.delay_place) filter (where l.delay_place is not null))
      from lost l
      group by l.daemon_id, l.minute, l.endpoint_id
    )
    insert into postrider.daemon_minute as m (
      minute, part_id, daemon_id, claimed, flushes, in_flight_max, waiting_max, request_ms_total, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
      failed_again, excused, sent_bytes, failures, request_ms, delay_ms)
    select l.minute, postrider_internal.rebuilt_part(l.daemon_id, l.minute), l.daemon_id, null, null, null, null, sum(l.duration_ms),
           count(*) filter (where l.cause is null and l.attempt_number = 1), count(*) filter (where l.cause is null and l.attempt_number > 1),
           count(l.cause), count(*) filter (where l.end_state = 'exhausted'), count(*) filter (where l.end_state = 'discarded'),
           count(*) filter (where l.is_again), count(l.cause) filter (where l.is_again), count(l.end_state) filter (where l.is_again), null,
           postrider_internal.tally(array_agg(l.cause)), postrider_internal.histogram(array_agg(l.request_place)),
           postrider_internal.histogram(array_agg(l.delay_place) filter (where l.delay_place is not null))
    from lost l
    group by l.daemon_id, l.minute
    returning m.minute, m.part_id, m.succeeded_first + m.succeeded_later + m.failed as attempts
  loop
    minutes := minutes + 1;
    attempts := attempts + added.attempts;
    perform postrider_internal.add_to_hours(added.minute, added.part_id);
  end loop;
  perform postrider_internal.note_action('rebuild_minutes', null, null,
    jsonb_build_object('since', postrider_internal.audited(first_minute), 'minutes', minutes, 'attempts', attempts));
end
$$;
comment on function postrider.rebuild_minutes(timestamptz) is
  'Adds to endpoint_minute, daemon_minute and endpoint_hour what daemons that are gone had recorded and not appended, by their attempts since then. Use it after a daemon was killed or a machine was lost, ten minutes later; repeated, it adds nothing. Returns how many minutes of daemons it added, and how many attempts these have. Not known afterwards, and so missing: sent_bytes, claimed, flushes, in_flight_max, waiting_max; deliveries that the daemon discarded without an attempt; first attempts of events that had waited for more than a day before they were claimed; and what was redelivered since, as it was before. It reads the deliveries from a day before since on.';
