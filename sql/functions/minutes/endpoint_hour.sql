-- grant: select to reader, operator, daemon

create or replace view postrider.endpoint_hour as
  select s.hour, s.endpoint_id, e.tenant, e.name, e.shown_url as url,
         s.succeeded_first, s.succeeded_later, s.failed, s.exhausted, s.discarded, s.sent_again,
         (select jsonb_object_agg(f.cause, f.attempts)
          from (select k.key as cause, sum(k.value::integer) as attempts
                from unnest(s.failures) p (counts) cross join lateral jsonb_each_text(p.counts) k
                group by k.key) f) as failures,
         s.request_ms, s.request_ms_total, s.delay_ms, s.failed_again, s.excused, s.sent_bytes
  from (
    select p.hour, p.endpoint_id,
           sum(p.succeeded_first) as succeeded_first, sum(p.succeeded_later) as succeeded_later, sum(p.failed) as failed,
           sum(p.exhausted) as exhausted, sum(p.discarded) as discarded, sum(p.sent_again) as sent_again,
           sum(p.failed_again) as failed_again, sum(p.excused) as excused,
           sum(p.request_ms_total)::bigint as request_ms_total, sum(p.sent_bytes)::bigint as sent_bytes,
           array_agg(p.failures) filter (where p.failures is not null) as failures,
           -- Place by place, as in endpoint_minute.
           array_remove(array[
             sum(p.request_ms[1]), sum(p.request_ms[2]), sum(p.request_ms[3]), sum(p.request_ms[4]), sum(p.request_ms[5]),
             sum(p.request_ms[6]), sum(p.request_ms[7]), sum(p.request_ms[8]), sum(p.request_ms[9]), sum(p.request_ms[10]),
             sum(p.request_ms[11]), sum(p.request_ms[12]), sum(p.request_ms[13]), sum(p.request_ms[14]), sum(p.request_ms[15]),
             sum(p.request_ms[16]), sum(p.request_ms[17])]::integer[], null) as request_ms,
           array_remove(array[
             sum(p.delay_ms[1]), sum(p.delay_ms[2]), sum(p.delay_ms[3]), sum(p.delay_ms[4]), sum(p.delay_ms[5]),
             sum(p.delay_ms[6]), sum(p.delay_ms[7]), sum(p.delay_ms[8]), sum(p.delay_ms[9]), sum(p.delay_ms[10]),
             sum(p.delay_ms[11]), sum(p.delay_ms[12]), sum(p.delay_ms[13]), sum(p.delay_ms[14]), sum(p.delay_ms[15]),
             sum(p.delay_ms[16])]::integer[], null) as delay_ms
    from (
      select h.hour, h.endpoint_id,
             h.succeeded_first, h.succeeded_later, h.failed, h.exhausted, h.discarded, h.sent_again, h.failed_again, h.excused,
             h.request_ms_total, h.sent_bytes, h.failures, h.request_ms, h.delay_ms
      from postrider.endpoint_hour_part h
      union all
      -- The hours that are not made yet.
      select date_bin('1 hour', m.minute, 'epoch'), m.endpoint_id,
             m.succeeded_first, m.succeeded_later, m.failed, m.exhausted, m.discarded, m.sent_again, m.failed_again, m.excused,
             m.request_ms_total, m.sent_bytes, m.failures, m.request_ms, m.delay_ms
      from postrider.endpoint_minute_part m
      where m.minute >= coalesce((select c.made_until from postrider.hour_cursor c), '-infinity')) p
    group by p.hour, p.endpoint_id) s
  left join postrider.endpoint e on e.id = s.endpoint_id;
comment on view postrider.endpoint_hour is
  'What became of deliveries, by endpoint and hour, for ranges of days and longer: kept for 400 days, unless postrider.retention says otherwise. The sums of endpoint_minute, up to its last minute, so the present hour grows. Cheap for one endpoint, or for some days: say where hour > now() - interval ''30 days''.';
comment on column postrider.endpoint_hour.hour is 'When the hour began, by the clock of Postgres.';
comment on column postrider.endpoint_hour.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_hour.tenant is 'Its tenant; null if it was deleted.';
comment on column postrider.endpoint_hour.name is 'Its name; null if it has none or was deleted.';
comment on column postrider.endpoint_hour.url is 'Its URL; null if it was deleted.';
comment on column postrider.endpoint_hour.succeeded_first is 'Deliveries that succeeded at their first attempt.';
comment on column postrider.endpoint_hour.succeeded_later is 'Deliveries that succeeded at a later attempt.';
comment on column postrider.endpoint_hour.failed is 'Attempts that failed.';
comment on column postrider.endpoint_hour.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';
comment on column postrider.endpoint_hour.discarded is 'Deliveries that were discarded.';
comment on column postrider.endpoint_hour.sent_again is
  'How many of the attempts were of deliveries that were sent again by hand or by a replay. delay_ms leaves them out.';
comment on column postrider.endpoint_hour.failures is
  'Failed attempts by status, or by failure_kind if there was none: {"503": 4, "timeout": 1}. Null if none failed.';
comment on column postrider.endpoint_hour.request_ms is
  'Attempts by duration: one count for each bound of postrider.request_ms_bounds(), up to and including it, and a last one beyond them. Zeros at the end are left out.';
comment on column postrider.endpoint_hour.request_ms_total is 'Milliseconds that the attempts took, in all.';
comment on column postrider.endpoint_hour.delay_ms is
  'Successes by the time since they were due, which is when the event was inserted, or its deliver_at: one count for each bound of postrider.delay_ms_bounds(), and a last one beyond them.';
comment on column postrider.endpoint_hour.failed_again is 'How many of sent_again failed.';
comment on column postrider.endpoint_hour.excused is
  'How many of exhausted and discarded count against no objective: those that a person cancelled or erased, and those that were sent again by hand or by a replay.';
comment on column postrider.endpoint_hour.sent_bytes is
  'Bytes of request bodies that were sent, without headers. What postrider.rebuild_minutes() added has none.';
