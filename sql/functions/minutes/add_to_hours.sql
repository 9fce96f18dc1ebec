create or replace function postrider_internal.add_to_hours(minute timestamptz, part_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Whoever has the lock first is seen by the other: an hour that is made later has this minute.
  made_until constant timestamptz := postrider_internal.lock_hours();
begin
  if add_to_hours.minute < made_until then
    insert into postrider.endpoint_hour_part (
      hour, endpoint_id, part_id, request_ms_total, sent_bytes, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
      failed_again, excused, failures, request_ms, delay_ms)
    select date_bin('1 hour', m.minute, 'epoch'), m.endpoint_id, m.part_id, m.request_ms_total, m.sent_bytes, m.succeeded_first, m.succeeded_later,
           m.failed, m.exhausted, m.discarded, m.sent_again, m.failed_again, m.excused, m.failures, m.request_ms, m.delay_ms
    from postrider.endpoint_minute_part m
    where m.minute = add_to_hours.minute and m.part_id = add_to_hours.part_id;
    insert into postrider.endpoint_five_minutes_part (
      began_at, endpoint_id, part_id, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again, failures,
      request_ms, delay_ms)
    select date_bin('5 minutes', m.minute, 'epoch'), m.endpoint_id, m.part_id, m.succeeded_first, m.succeeded_later, m.failed, m.exhausted,
           m.discarded, m.sent_again, m.failures, m.request_ms, m.delay_ms
    from postrider.endpoint_minute_part m
    where m.minute = add_to_hours.minute and m.part_id = add_to_hours.part_id;
    insert into postrider.daemon_hour_part (
      hour, part_id, claimed, request_ms_total, sent_bytes, daemons, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
      failed_again, excused, failures, request_ms, delay_ms)
    select date_bin('1 hour', m.minute, 'epoch'), m.part_id, m.claimed, m.request_ms_total, m.sent_bytes, num_nonnulls(m.daemon_id), m.succeeded_first,
           m.succeeded_later, m.failed, m.exhausted, m.discarded, m.sent_again, m.failed_again, m.excused, m.failures, m.request_ms, m.delay_ms
    from postrider.daemon_minute m
    where m.minute = add_to_hours.minute and m.part_id = add_to_hours.part_id;
  end if;
end
$$;
comment on function postrider_internal.add_to_hours(timestamptz, uuid) is
  'Adds a part of a minute, which came late, to its hour, if that is made already: of each endpoint, with its five minutes, and over all of them.';
