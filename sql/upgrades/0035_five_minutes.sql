-- What charts of a day of an endpoint read in the place of its minutes.
-- locks: the row of postrider.hour_cursor; it makes a new table and reads the minutes of a day
-- breaking: no

-- A minute has a row for each daemon, among those of other endpoints: a day of one endpoint with three daemons is 4,320 rows
-- in as many pages, and 288 of these in some 50, because the twelve of an hour are added together.
create table postrider.endpoint_five_minutes_part (
  began_at timestamptz not null,
  endpoint_id uuid not null,
  part_id uuid not null default gen_random_uuid(),
  succeeded_first integer not null default 0,
  succeeded_later integer not null default 0,
  failed integer not null default 0,
  exhausted integer not null default 0,
  discarded integer not null default 0,
  sent_again integer not null default 0,
  failures jsonb,
  request_ms integer[] not null default '{}',
  delay_ms integer[] not null default '{}',
  constraint endpoint_five_minutes_part_pkey primary key (endpoint_id, began_at, part_id)
);
comment on table postrider.endpoint_five_minutes_part is
  'What was added to five minutes of an endpoint: the sum of its minutes, and minutes that came later. Kept for a day, for postrider.chart(). Sum it: for the hours since postrider.hour_cursor there are only the minutes.';
comment on column postrider.endpoint_five_minutes_part.began_at is 'When the five minutes began, by the clock of Postgres.';
comment on column postrider.endpoint_five_minutes_part.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_five_minutes_part.part_id is 'Of a minute that came later, its part_id; 0 of the sum of the others.';
comment on column postrider.endpoint_five_minutes_part.succeeded_first is 'Deliveries that succeeded at their first attempt.';
comment on column postrider.endpoint_five_minutes_part.succeeded_later is 'Deliveries that succeeded at a later attempt.';
comment on column postrider.endpoint_five_minutes_part.failed is 'Attempts that failed.';
comment on column postrider.endpoint_five_minutes_part.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';
comment on column postrider.endpoint_five_minutes_part.discarded is 'Deliveries that were discarded.';
comment on column postrider.endpoint_five_minutes_part.sent_again is
  'How many of the attempts were of deliveries that were sent again by hand or by a replay.';
comment on column postrider.endpoint_five_minutes_part.failures is
  'Failed attempts by status or failure_kind, as in postrider.endpoint_minute.';
comment on column postrider.endpoint_five_minutes_part.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';
comment on column postrider.endpoint_five_minutes_part.delay_ms is 'Successes by the time since they were due, as in postrider.endpoint_minute.';

-- Of the hours that were made without them. The functions of before make no other one until this is done.
do $$ begin perform from postrider.hour_cursor c for update; end $$;

insert into postrider.endpoint_five_minutes_part (
  began_at, endpoint_id, part_id, succeeded_first, succeeded_later, failed, exhausted, discarded, sent_again, failures,
  request_ms, delay_ms)
select s.began_at, s.endpoint_id, '00000000-0000-0000-0000-000000000000', s.succeeded_first, s.succeeded_later, s.failed, s.exhausted,
       s.discarded, s.sent_again,
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
         array_remove(array[
           sum(m.request_ms[1]), sum(m.request_ms[2]), sum(m.request_ms[3]), sum(m.request_ms[4]), sum(m.request_ms[5]), sum(m.request_ms[6]),
           sum(m.request_ms[7]), sum(m.request_ms[8]), sum(m.request_ms[9]), sum(m.request_ms[10]), sum(m.request_ms[11]), sum(m.request_ms[12]),
           sum(m.request_ms[13]), sum(m.request_ms[14]), sum(m.request_ms[15]), sum(m.request_ms[16]), sum(m.request_ms[17])]::integer[], null) as request_ms,
         array_remove(array[
           sum(m.delay_ms[1]), sum(m.delay_ms[2]), sum(m.delay_ms[3]), sum(m.delay_ms[4]), sum(m.delay_ms[5]), sum(m.delay_ms[6]),
           sum(m.delay_ms[7]), sum(m.delay_ms[8]), sum(m.delay_ms[9]), sum(m.delay_ms[10]), sum(m.delay_ms[11]), sum(m.delay_ms[12]),
           sum(m.delay_ms[13]), sum(m.delay_ms[14]), sum(m.delay_ms[15]), sum(m.delay_ms[16])]::integer[], null) as delay_ms
  from postrider.endpoint_minute_part m
  where m.minute >= date_bin('1 hour', now() - interval '26 hours', 'epoch')
    and m.minute < (select c.made_until from postrider.hour_cursor c)
  group by 1, m.endpoint_id
  order by m.endpoint_id, 1) s;
