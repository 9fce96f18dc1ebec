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
  -- Charts of more than a day are made of hours.
  fives_kept constant interval := '26 hours';
  -- One for each endpoint and hour, so that an hour whose making was forgotten is not made twice.
  made_part constant uuid := '00000000-0000-0000-0000-000000000000';
  next_hour timestamptz;
  place uuid := '00000000-0000-0000-0000-000000000000';
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
    select date_bin('1 hour', least(
      (select min(m.minute) from postrider.endpoint_minute_part m where m.minute >= next_hour and m.minute < over),
      (select min(m.minute) from postrider.daemon_minute m where m.minute >= next_hour and m.minute < over),
      (select min(m.minute) from postrider.unmatched_minute_part m where m.minute >= next_hour and m.minute < over)), 'epoch'));
  if next_hour is not null then
    insert into postrider.endpoint_hour_part (
      hour, endpoint_id, part_id, request_ms_total, sent_bytes, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
      failed_again, excused, failures, request_ms, delay_ms)
    select h.hour, h.endpoint_id, made_part, h.request_ms_total, h.sent_bytes, h.succeeded_first, h.succeeded_later, h.failed, h.exhausted, h.discarded,
           h.sent_again, h.failed_again, h.excused, h.failures, h.request_ms, h.delay_ms
    from postrider.endpoint_hour h
    where h.hour = next_hour
    on conflict do nothing;
    -- Those of an endpoint lie side by side.
    insert into postrider.endpoint_five_minutes_part (
      began_at, endpoint_id, part_id, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again, failures,
      request_ms, delay_ms)
    select s.began_at, s.endpoint_id, made_part, s.succeeded_first, s.succeeded_later, s.failed, s.exhausted, s.discarded, s.sent_again,
           (select jsonb_object_agg(f.cause, f.attempts)
            from (select k.key as cause, sum(k.value::integer) as attempts
                  from unnest(s.failures) p (counts) cross join lateral jsonb_each_text(p.counts) k
                  group by k.key) f),
           s.request_ms, s.delay_ms
    from (
      select date_bin('5 minutes', m.minute, 'epoch') as began_at, m.endpoint_id,
             sum(m.succeeded_first) as succeeded_first, sum(m.succeeded_later) as succeeded_later, sum(m.failed) as failed,
             sum(m.exhausted) as exhausted, sum(m.discarded) as discarded, sum(m.sent_again) as sent_again,
             array_agg(m.failures) filter (where m.failures is not null) as failures,
             -- Place by place, as in endpoint_minute.
             array_remove(array[
               sum(m.request_ms[1]), sum(m.request_ms[2]), sum(m.request_ms[3]), sum(m.request_ms[4]), sum(m.request_ms[5]), sum(m.request_ms[6]),
               sum(m.request_ms[7]), sum(m.request_ms[8]), sum(m.request_ms[9]), sum(m.request_ms[10]), sum(m.request_ms[11]), sum(m.request_ms[12]),
               sum(m.request_ms[13]), sum(m.request_ms[14]), sum(m.request_ms[15]), sum(m.request_ms[16]), sum(m.request_ms[17])]::integer[], null) as request_ms,
             array_remove(array[
               sum(m.delay_ms[1]), sum(m.delay_ms[2]), sum(m.delay_ms[3]), sum(m.delay_ms[4]), sum(m.delay_ms[5]), sum(m.delay_ms[6]),
               sum(m.delay_ms[7]), sum(m.delay_ms[8]), sum(m.delay_ms[9]), sum(m.delay_ms[10]), sum(m.delay_ms[11]), sum(m.delay_ms[12]),
               sum(m.delay_ms[13]), sum(m.delay_ms[14]), sum(m.delay_ms[15]), sum(m.delay_ms[16])]::integer[], null) as delay_ms
      from postrider.endpoint_minute_part m
      where m.minute >= next_hour and m.minute < next_hour + interval '1 hour'
        and next_hour >= make_hour.now - fives_kept
      group by 1, m.endpoint_id
      order by m.endpoint_id, 1) s
    on conflict do nothing;
    insert into postrider.daemon_hour_part (
      hour, part_id, claimed, request_ms_total, sent_bytes, daemons, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again,
      failed_again, excused, failures, request_ms, delay_ms)
    select next_hour, made_part, s.claimed, s.request_ms_total, s.sent_bytes, s.daemons, s.succeeded_first, s.succeeded_later, s.failed, s.exhausted,
           s.discarded, s.sent_again, s.failed_again, s.excused,
           (select jsonb_object_agg(f.cause, f.attempts)
            from (select k.key as cause, sum(k.value::bigint) as attempts
                  from unnest(s.failures) p (counts) cross join lateral jsonb_each_text(p.counts) k
                  group by k.key) f),
           s.request_ms, s.delay_ms
    from (
      select sum(m.claimed) as claimed, sum(m.request_ms_total) as request_ms_total, sum(m.sent_bytes) as sent_bytes,
             count(distinct m.daemon_id) as daemons, sum(m.succeeded_first) as succeeded_first, sum(m.succeeded_later) as succeeded_later,
             sum(m.failed) as failed, sum(m.exhausted) as exhausted, sum(m.discarded) as discarded, sum(m.sent_again) as sent_again,
             sum(m.failed_again) as failed_again, sum(m.excused) as excused,
             array_agg(m.failures) filter (where m.failures is not null) as failures,
             array_remove(array[
               sum(m.request_ms[1]), sum(m.request_ms[2]), sum(m.request_ms[3]), sum(m.request_ms[4]), sum(m.request_ms[5]), sum(m.request_ms[6]),
               sum(m.request_ms[7]), sum(m.request_ms[8]), sum(m.request_ms[9]), sum(m.request_ms[10]), sum(m.request_ms[11]), sum(m.request_ms[12]),
               sum(m.request_ms[13]), sum(m.request_ms[14]), sum(m.request_ms[15]), sum(m.request_ms[16]), sum(m.request_ms[17])]::bigint[], null) as request_ms,
             array_remove(array[
               sum(m.delay_ms[1]), sum(m.delay_ms[2]), sum(m.delay_ms[3]), sum(m.delay_ms[4]), sum(m.delay_ms[5]), sum(m.delay_ms[6]),
               sum(m.delay_ms[7]), sum(m.delay_ms[8]), sum(m.delay_ms[9]), sum(m.delay_ms[10]), sum(m.delay_ms[11]), sum(m.delay_ms[12]),
               sum(m.delay_ms[13]), sum(m.delay_ms[14]), sum(m.delay_ms[15]), sum(m.delay_ms[16])]::bigint[], null) as delay_ms
      from postrider.daemon_minute m
      where m.minute >= next_hour and m.minute < next_hour + interval '1 hour'
      having count(*) > 0) s
    on conflict do nothing;
    insert into postrider.unmatched_hour (hour, events, event_type, tenant)
    select next_hour, sum(m.events), m.event_type, m.tenant
    from postrider.unmatched_minute_part m
    where m.minute >= next_hour and m.minute < next_hour + interval '1 hour'
    group by m.event_type, m.tenant
    on conflict do nothing;
  end if;
  -- Endpoint by endpoint, by the index: of ten thousand they are three million rows, of which an hour ends 120,000.
  loop
    place := (select f.endpoint_id from postrider.endpoint_five_minutes_part f where f.endpoint_id > place order by f.endpoint_id limit 1);
    exit when place is null;
    delete from postrider.endpoint_five_minutes_part f where f.endpoint_id = place and f.began_at < make_hour.now - fives_kept;
  end loop;
  update postrider.hour_cursor set made_until = coalesce(next_hour + interval '1 hour', over);
  return next_hour;
end
$$;
comment on function postrider_internal.make_hour(timestamptz) is
  'Sums the minutes of the next hour that has any and has been over for an hour, in postrider.endpoint_hour_part, endpoint_five_minutes_part, daemon_hour_part and unmatched_hour, and returns when it began; null if there is none, or another session is making it. Deletes the five minutes that no chart needs any more.';
