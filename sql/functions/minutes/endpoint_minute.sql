-- grant: select to reader, operator, daemon

create or replace view postrider.endpoint_minute as
  select s.minute, s.endpoint_id, e.tenant, e.name, e.shown_url as url,
         s.succeeded_first, s.succeeded_later, s.failed, s.exhausted, s.discarded, s.sent_again,
         (select jsonb_object_agg(f.cause, f.attempts)
          from (select k.key as cause, sum(k.value::integer) as attempts
                from unnest(s.failures) p (counts) cross join lateral jsonb_each_text(p.counts) k
                group by k.key) f) as failures,
         s.request_ms, s.request_ms_total, s.delay_ms, s.failed_again, s.excused, s.sent_bytes
  from (
    select m.minute, m.endpoint_id,
           sum(m.succeeded_first) as succeeded_first, sum(m.succeeded_later) as succeeded_later, sum(m.failed) as failed,
           sum(m.exhausted) as exhausted, sum(m.discarded) as discarded, sum(m.sent_again) as sent_again,
           sum(m.failed_again) as failed_again, sum(m.excused) as excused,
           sum(m.request_ms_total)::bigint as request_ms_total, sum(m.sent_bytes)::bigint as sent_bytes,
           array_agg(m.failures) filter (where m.failures is not null) as failures,
           -- Place by place, because unnesting makes a row of each count. Behind the end of all lists a sum is null.
           array_remove(array[
             sum(m.request_ms[1]), sum(m.request_ms[2]), sum(m.request_ms[3]), sum(m.request_ms[4]), sum(m.request_ms[5]),
             sum(m.request_ms[6]), sum(m.request_ms[7]), sum(m.request_ms[8]), sum(m.request_ms[9]), sum(m.request_ms[10]),
             sum(m.request_ms[11]), sum(m.request_ms[12]), sum(m.request_ms[13]), sum(m.request_ms[14]), sum(m.request_ms[15]),
             sum(m.request_ms[16]), sum(m.request_ms[17])]::integer[], null) as request_ms,
           array_remove(array[
             sum(m.delay_ms[1]), sum(m.delay_ms[2]), sum(m.delay_ms[3]), sum(m.delay_ms[4]), sum(m.delay_ms[5]),
             sum(m.delay_ms[6]), sum(m.delay_ms[7]), sum(m.delay_ms[8]), sum(m.delay_ms[9]), sum(m.delay_ms[10]),
             sum(m.delay_ms[11]), sum(m.delay_ms[12]), sum(m.delay_ms[13]), sum(m.delay_ms[14]), sum(m.delay_ms[15]),
             sum(m.delay_ms[16])]::integer[], null) as delay_ms
    from postrider.endpoint_minute_part m
    group by m.minute, m.endpoint_id) s
  left join postrider.endpoint e on e.id = s.endpoint_id;
comment on view postrider.endpoint_minute is
  'What became of deliveries, by endpoint and minute. Daemons append to it once a minute, so the present one is missing, and a daemon that is killed takes its last one along, until postrider.rebuild_minutes(): use it for charts, not where a count must be exact. Cheap for one endpoint, or for the last hours: say where minute > now() - interval ''1 hour''.';
comment on column postrider.endpoint_minute.minute is 'When the minute began, by the clock of Postgres.';
comment on column postrider.endpoint_minute.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_minute.tenant is 'Its tenant; null if it was deleted.';
comment on column postrider.endpoint_minute.name is 'Its name; null if it has none or was deleted.';
comment on column postrider.endpoint_minute.url is 'Its URL; null if it was deleted.';
comment on column postrider.endpoint_minute.succeeded_first is 'Deliveries that succeeded at their first attempt.';
comment on column postrider.endpoint_minute.succeeded_later is 'Deliveries that succeeded at a later attempt.';
comment on column postrider.endpoint_minute.failed is 'Attempts that failed.';
comment on column postrider.endpoint_minute.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';
comment on column postrider.endpoint_minute.discarded is 'Deliveries that were discarded.';
comment on column postrider.endpoint_minute.sent_again is
  'How many of the attempts were of deliveries that were sent again by hand or by a replay. delay_ms leaves them out.';
comment on column postrider.endpoint_minute.failures is
  'Failed attempts by status, or by failure_kind if there was none: {"503": 4, "timeout": 1}. Null if none failed.';
comment on column postrider.endpoint_minute.request_ms is
  'Attempts by duration: one count for each bound of postrider.request_ms_bounds(), up to and including it, and a last one beyond them. Zeros at the end are left out.';
comment on column postrider.endpoint_minute.request_ms_total is 'Milliseconds that the attempts took, in all.';
comment on column postrider.endpoint_minute.delay_ms is
  'Successes by the time since they were due, which is when the event was inserted, or its deliver_at: one count for each bound of postrider.delay_ms_bounds(), and a last one beyond them.';
comment on column postrider.endpoint_minute.failed_again is 'How many of sent_again failed.';
comment on column postrider.endpoint_minute.excused is
  'How many of exhausted and discarded count against no objective: those that a person cancelled or erased, and those that were sent again by hand or by a replay.';
comment on column postrider.endpoint_minute.sent_bytes is
  'Bytes of request bodies that were sent, without headers. What postrider.rebuild_minutes() added has none.';
