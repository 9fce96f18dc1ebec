create or replace function postrider_internal.make_hour(now timestamptz) returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- When an hour has been over for this long, nearly everything is in its minutes: daemons append within seconds, and few
-- transactions stay open for an hour after they discarded something. What a daemon appends later, because it was cut off,
-- goes to the hour as well (append_minutes).
declare
  late_max constant interval := '1 hour';
  over constant timestamptz := date_bin('1 hour', make_hour.now - late_max, 'epoch');
  -- One for each endpoint and hour, so that an hour whose making was forgotten is not made twice.
  made_part constant uuid := '00000000-0000-0000-0000-000000000000';
  next_hour timestamptz;
begin
  if (select c.made_until >= over from postrider.hour_cursor c) then
    return null;
  end if;
  insert into postrider.hour_cursor default values on conflict do nothing;
  select coalesce(c.made_until, '-infinity') into next_hour from postrider.hour_cursor c for update skip locked;
  if not found or next_hour >= over then
    return null;
  end if;
  next_hour := (
    select date_bin('1 hour', min(m.minute), 'epoch')
    from postrider.endpoint_minute_part m
    where m.minute >= next_hour and m.minute < over);
  if next_hour is not null then
    insert into postrider.endpoint_hour_part (
      hour, endpoint_id, part_id, request_ms_total, sent_bytes, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
      failed_again, excused, failures, request_ms, delay_ms)
    select h.hour, h.endpoint_id, made_part, h.request_ms_total, h.sent_bytes, h.succeeded_first, h.succeeded_later, h.failed, h.exhausted, h.discarded,
           h.sent_again, h.failed_again, h.excused, h.failures, h.request_ms, h.delay_ms
    from postrider.endpoint_hour h
    where h.hour = next_hour
    on conflict do nothing;
  end if;
  update postrider.hour_cursor set made_until = coalesce(next_hour + interval '1 hour', over);
  return next_hour;
end
$$;
comment on function postrider_internal.make_hour(timestamptz) is
  'Sums the minutes of the next hour that has any and has been over for an hour, in postrider.endpoint_hour_part, and returns when it began; null if there is none, or another session is making it.';
