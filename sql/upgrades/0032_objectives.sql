-- Objectives, and what charts of days read in the place of minutes: hours over all endpoints, and of events that no endpoint got.
-- locks: the row of postrider.hour_cursor; it makes new tables and reads the minutes
-- breaking: no

create domain postrider.objective_target as numeric
  constraint "target is a share below 1, such as 0.999" check (value > 0 and value < 1);
comment on domain postrider.objective_target is 'Which share of deliveries arrives in time: 0.999 for 999 of 1,000.';

-- Delays are counted by these bounds, so between them nothing is known.
create domain postrider.objective_bound as interval
  constraint "within is one of the bounds that delays are counted by" check (
    extract(epoch from value) in (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 7200, 21600, 86400, 259200));
comment on domain postrider.objective_bound is
  'How long a delivery may take from when it is due: 10, 50, 100 or 500 ms, 1, 5, 10 or 30 seconds, 1, 5 or 30 minutes, 2 or 6 hours, 1 or 3 days.';

create table postrider.objective (
  id uuid not null default postrider.uuid_v7(),
  tenant text,
  endpoint_id uuid,
  target postrider.objective_target not null default 0.999,
  within postrider.objective_bound not null default '1 minute',
  constraint objective_pkey primary key (id),
  constraint objective_endpoint_id_fkey foreign key (endpoint_id) references postrider.endpoint (id) on delete cascade,
  constraint "there is one objective for each endpoint, each tenant, and all" unique nulls not distinct (tenant, endpoint_id),
  constraint "an objective is for a tenant or for an endpoint" check (num_nonnulls(tenant, endpoint_id) < 2)
);
create index objective_endpoint_id on postrider.objective (endpoint_id);
comment on table postrider.objective is
  'Which share of deliveries is to arrive within which time, for an endpoint, a tenant, or all. The most specific one counts; without any it is 99.9 % within a minute. postrider.set_objective() writes it.';
comment on column postrider.objective.id is 'Identifies the objective.';
comment on column postrider.objective.tenant is 'For the endpoints of this tenant that have none of their own; null otherwise.';
comment on column postrider.objective.endpoint_id is 'For this endpoint; null otherwise.';
comment on column postrider.objective.target is 'The share that arrives in time: 0.999 for 999 of 1,000.';
comment on column postrider.objective.within is 'How long it may take, from when the delivery is due.';

-- A month of several daemons is a hundred thousand minutes, and 720 of these.
create table postrider.daemon_hour_part (
  hour timestamptz not null,
  part_id uuid not null default gen_random_uuid(),
  claimed bigint,
  request_ms_total bigint not null default 0,
  sent_bytes bigint default 0,
  daemons integer not null default 0,
  succeeded_first bigint not null default 0,
  succeeded_later bigint not null default 0,
  failed bigint not null default 0,
  exhausted bigint not null default 0,
  discarded bigint not null default 0,
  sent_again bigint not null default 0,
  failed_again bigint not null default 0,
  excused bigint not null default 0,
  failures jsonb,
  request_ms bigint[] not null default '{}',
  delay_ms bigint[] not null default '{}',
  constraint daemon_hour_part_pkey primary key (hour, part_id)
);
comment on table postrider.daemon_hour_part is
  'What was added to an hour over all endpoints: the sum of postrider.daemon_minute, and minutes that came later. Sum it: for the hours since postrider.hour_cursor there are only the minutes.';
comment on column postrider.daemon_hour_part.hour is 'When the hour began, by the clock of Postgres.';
comment on column postrider.daemon_hour_part.part_id is 'Of a minute that came later, its part_id; 0 of the sum of the others.';
comment on column postrider.daemon_hour_part.claimed is 'Events that were claimed; null if that is not known.';
comment on column postrider.daemon_hour_part.request_ms_total is 'Milliseconds that the attempts took, in all.';
comment on column postrider.daemon_hour_part.sent_bytes is 'Bytes of request bodies that were sent, without headers; null if it is not known.';
comment on column postrider.daemon_hour_part.daemons is 'How many daemons added to it; 0 if only functions did, so that perhaps none lived.';
comment on column postrider.daemon_hour_part.succeeded_first is 'Deliveries that succeeded at their first attempt.';
comment on column postrider.daemon_hour_part.succeeded_later is 'Deliveries that succeeded at a later attempt.';
comment on column postrider.daemon_hour_part.failed is 'Attempts that failed.';
comment on column postrider.daemon_hour_part.exhausted is 'Deliveries whose retry schedule was used up.';
comment on column postrider.daemon_hour_part.discarded is 'Deliveries that were discarded.';
comment on column postrider.daemon_hour_part.sent_again is
  'How many of the attempts were of deliveries that were sent again by hand or by a replay.';
comment on column postrider.daemon_hour_part.failed_again is 'How many of sent_again failed.';
comment on column postrider.daemon_hour_part.excused is
  'How many of exhausted and discarded count against no objective, as in postrider.endpoint_minute.';
comment on column postrider.daemon_hour_part.failures is 'Failed attempts by status or failure_kind, as in postrider.endpoint_minute.';
comment on column postrider.daemon_hour_part.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';
comment on column postrider.daemon_hour_part.delay_ms is 'Successes by the time since they were due, as in postrider.endpoint_minute.';

-- A claim adds a row for each kind of event that no endpoint got, which may be many in a second.
create table postrider.unmatched_hour (
  hour timestamptz not null,
  events bigint not null,
  event_type text not null,
  tenant text not null,
  constraint unmatched_hour_pkey primary key (hour, tenant, event_type)
);
comment on table postrider.unmatched_hour is
  'Events that no endpoint got, by hour, tenant and type, of the hours that are made. For the hours since postrider.hour_cursor read postrider.unmatched_minute.';
comment on column postrider.unmatched_hour.hour is 'When the hour began, by the clock of Postgres.';
comment on column postrider.unmatched_hour.events is 'How many.';
comment on column postrider.unmatched_hour.event_type is 'Their type.';
comment on column postrider.unmatched_hour.tenant is 'Their tenant.';

-- Of the hours that were made without them. The functions of before make no other one until this is done.
do $$ begin perform from postrider.hour_cursor c for update; end $$;

insert into postrider.daemon_hour_part (
  hour, part_id, claimed, request_ms_total, sent_bytes, daemons, succeeded_first, succeeded_later, failed, exhausted, discarded,
  sent_again, failed_again, excused, failures, request_ms, delay_ms)
select s.hour, '00000000-0000-0000-0000-000000000000', s.claimed, s.request_ms_total, s.sent_bytes, s.daemons, s.succeeded_first,
       s.succeeded_later, s.failed, s.exhausted, s.discarded, s.sent_again, s.failed_again, s.excused,
       (select jsonb_object_agg(f.cause, f.attempts)
        from (select k.key as cause, sum(k.value::bigint) as attempts
              from unnest(s.failures) p (counts) cross join lateral jsonb_each_text(p.counts) k
              group by k.key) f),
       s.request_ms, s.delay_ms
from (
  select date_bin('1 hour', m.minute, 'epoch') as hour, sum(m.claimed) as claimed, sum(m.request_ms_total) as request_ms_total,
         sum(m.sent_bytes) as sent_bytes, count(distinct m.daemon_id) as daemons, sum(m.succeeded_first) as succeeded_first,
         sum(m.succeeded_later) as succeeded_later, sum(m.failed) as failed, sum(m.exhausted) as exhausted, sum(m.discarded) as discarded,
         sum(m.sent_again) as sent_again, sum(m.failed_again) as failed_again, sum(m.excused) as excused,
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
  where m.minute < (select c.made_until from postrider.hour_cursor c)
  group by 1) s;

insert into postrider.unmatched_hour (hour, events, event_type, tenant)
select date_bin('1 hour', m.minute, 'epoch'), sum(m.events), m.event_type, m.tenant
from postrider.unmatched_minute_part m
where m.minute < (select c.made_until from postrider.hour_cursor c)
group by 1, m.event_type, m.tenant;
