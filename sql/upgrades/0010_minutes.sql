-- What happened in each minute: what charts, objectives and metrics are made of.
-- locks: nothing that exists; it makes new tables only
-- breaking: no

-- Rows are only added. A daemon counts what it has recorded, and appends a row for each endpoint once a minute, so a daemon
-- that is killed loses the counts of a minute, and no attempt. SQL functions that discard deliveries append a row, too.
create table postrider.endpoint_minute_part (
  minute timestamptz not null,
  endpoint_id uuid not null,
  part_id uuid not null default gen_random_uuid(),
  request_ms_total bigint not null default 0,
  succeeded_first integer not null default 0,
  succeeded_later integer not null default 0,
  failed integer not null default 0,
  exhausted integer not null default 0,
  discarded integer not null default 0,
  sent_again integer not null default 0,
  failures jsonb,
  request_ms integer[] not null default '{}',
  delay_ms integer[] not null default '{}',
  constraint endpoint_minute_part_pkey primary key (endpoint_id, minute, part_id)
) partition by range (minute);
-- All endpoints of an hour: 4 ms among a day of 100 endpoints, and a thousandth of the size of a tree.
create index endpoint_minute_part_minute on postrider.endpoint_minute_part using brin (minute) with (pages_per_range = 16, autosummarize = on);
comment on table postrider.endpoint_minute_part is
  'What daemons and functions have added to a minute of an endpoint. Read postrider.endpoint_minute, which sums the parts.';
comment on column postrider.endpoint_minute_part.minute is 'When the minute began, by the clock of Postgres.';
comment on column postrider.endpoint_minute_part.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_minute_part.part_id is 'Made by the daemon, so that appending twice adds nothing.';
comment on column postrider.endpoint_minute_part.request_ms_total is 'Milliseconds that the attempts took, in all.';
comment on column postrider.endpoint_minute_part.succeeded_first is 'Deliveries that succeeded at their first attempt.';
comment on column postrider.endpoint_minute_part.succeeded_later is 'Deliveries that succeeded at a later attempt.';
comment on column postrider.endpoint_minute_part.failed is 'Attempts that failed.';
comment on column postrider.endpoint_minute_part.exhausted is 'Deliveries whose retry schedule was used up.';
comment on column postrider.endpoint_minute_part.discarded is 'Deliveries that were discarded.';
comment on column postrider.endpoint_minute_part.sent_again is
  'How many of the attempts were of deliveries that were sent again by hand or by a replay. delay_ms leaves them out.';
comment on column postrider.endpoint_minute_part.failures is
  'Failed attempts by status, or by failure_kind if there was none: {"503": 4, "timeout": 1}. Null if none failed.';
comment on column postrider.endpoint_minute_part.request_ms is
  'Attempts by duration: one count for each bound of postrider.request_ms_bounds(), up to and including it, and a last one beyond them. Zeros at the end are left out.';
comment on column postrider.endpoint_minute_part.delay_ms is
  'Successes by the time since they were due, which is when the event was inserted, or its deliver_at: one count for each bound of postrider.delay_ms_bounds(), and a last one beyond them.';

create table postrider.endpoint_minute_part_default partition of postrider.endpoint_minute_part default;
comment on table postrider.endpoint_minute_part_default is 'Minutes outside every day''s partition.';

-- One row a minute for each daemon, so that the sum over all endpoints costs the same however many there are.
create table postrider.daemon_minute (
  minute timestamptz not null,
  part_id uuid not null default gen_random_uuid(),
  daemon_id uuid,
  request_ms_total bigint not null default 0,
  claimed integer not null default 0,
  succeeded_first integer not null default 0,
  succeeded_later integer not null default 0,
  failed integer not null default 0,
  exhausted integer not null default 0,
  discarded integer not null default 0,
  sent_again integer not null default 0,
  flushes integer not null default 0,
  in_flight_max integer not null default 0,
  waiting_max integer not null default 0,
  failures jsonb,
  request_ms integer[] not null default '{}',
  delay_ms integer[] not null default '{}',
  constraint daemon_minute_pkey primary key (minute, part_id)
);
comment on table postrider.daemon_minute is
  'What each daemon did in each minute, over all endpoints: mostly one row, two if it stopped or changed its id. Rows are only added. Sum it for the whole: it is cheap however many endpoints there are.';
comment on column postrider.daemon_minute.minute is 'When the minute began, by the clock of Postgres.';
comment on column postrider.daemon_minute.part_id is 'Made by the daemon, so that appending twice adds nothing.';
comment on column postrider.daemon_minute.daemon_id is 'The daemon; null for deliveries that a function discarded.';
comment on column postrider.daemon_minute.request_ms_total is 'Milliseconds that the attempts took, in all.';
comment on column postrider.daemon_minute.claimed is 'Events that it claimed.';
comment on column postrider.daemon_minute.succeeded_first is 'Deliveries that succeeded at their first attempt.';
comment on column postrider.daemon_minute.succeeded_later is 'Deliveries that succeeded at a later attempt.';
comment on column postrider.daemon_minute.failed is 'Attempts that failed.';
comment on column postrider.daemon_minute.exhausted is 'Deliveries whose retry schedule was used up.';
comment on column postrider.daemon_minute.discarded is 'Deliveries that were discarded.';
comment on column postrider.daemon_minute.sent_again is
  'How many of the attempts were of deliveries that were sent again by hand or by a replay.';
comment on column postrider.daemon_minute.flushes is 'Transactions in which it recorded results.';
comment on column postrider.daemon_minute.in_flight_max is 'The most requests that were in progress when results were recorded.';
comment on column postrider.daemon_minute.waiting_max is 'The most first attempts that were waiting in its memory when results were recorded.';
comment on column postrider.daemon_minute.failures is 'Failed attempts by status or failure_kind, as in postrider.endpoint_minute.';
comment on column postrider.daemon_minute.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';
comment on column postrider.daemon_minute.delay_ms is 'Successes by the time since they were due, as in postrider.endpoint_minute.';

create table postrider.unmatched_minute_part (
  minute timestamptz not null,
  part_id uuid not null default gen_random_uuid(),
  events integer not null,
  event_type text not null,
  tenant text not null,
  constraint unmatched_minute_part_pkey primary key (minute, part_id)
) partition by range (minute);
comment on table postrider.unmatched_minute_part is
  'Events that no endpoint got, as each claim found them. Read postrider.unmatched_minute, which sums the parts.';
comment on column postrider.unmatched_minute_part.minute is 'The minute in which they were claimed.';
comment on column postrider.unmatched_minute_part.part_id is 'Identifies the row.';
comment on column postrider.unmatched_minute_part.events is 'How many.';
comment on column postrider.unmatched_minute_part.event_type is 'Their type.';
comment on column postrider.unmatched_minute_part.tenant is 'Their tenant.';

create table postrider.unmatched_minute_part_default partition of postrider.unmatched_minute_part default;
comment on table postrider.unmatched_minute_part_default is 'Minutes outside every day''s partition.';
