-- What happened in each hour: minutes of several daemons summed, and kept for longer.
-- locks: postrider.retention, for a moment; the rest are new tables
-- breaking: no

-- A year of an endpoint is 8,800 rows, not half a million. Rows are only added: one an endpoint when the hour has been over
-- for an hour, and one for each minute that a daemon appends after that.
create table postrider.endpoint_hour_part (
  hour timestamptz not null,
  endpoint_id uuid not null,
  part_id uuid not null default gen_random_uuid(),
  request_ms_total bigint not null default 0,
  sent_bytes bigint default 0,
  succeeded_first integer not null default 0,
  succeeded_later integer not null default 0,
  failed integer not null default 0,
  exhausted integer not null default 0,
  discarded integer not null default 0,
  sent_again integer not null default 0,
  failed_again integer not null default 0,
  excused integer not null default 0,
  failures jsonb,
  request_ms integer[] not null default '{}',
  delay_ms integer[] not null default '{}',
  constraint endpoint_hour_part_pkey primary key (endpoint_id, hour, part_id)
);
create index endpoint_hour_part_hour on postrider.endpoint_hour_part using brin (hour) with (pages_per_range = 16, autosummarize = on);
comment on table postrider.endpoint_hour_part is
  'What was added to an hour of an endpoint: the sum of its minutes, and minutes that came later. Read postrider.endpoint_hour, which sums the parts.';
comment on column postrider.endpoint_hour_part.hour is 'When the hour began, by the clock of Postgres.';
comment on column postrider.endpoint_hour_part.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_hour_part.part_id is 'Of a minute that came later, its part_id; 0 of the sum of the others.';
comment on column postrider.endpoint_hour_part.request_ms_total is 'Milliseconds that the attempts took, in all.';
comment on column postrider.endpoint_hour_part.sent_bytes is
  'Bytes of request bodies that were sent, without headers. Null if that is not known.';
comment on column postrider.endpoint_hour_part.succeeded_first is 'Deliveries that succeeded at their first attempt.';
comment on column postrider.endpoint_hour_part.succeeded_later is 'Deliveries that succeeded at a later attempt.';
comment on column postrider.endpoint_hour_part.failed is 'Attempts that failed.';
comment on column postrider.endpoint_hour_part.exhausted is 'Deliveries whose retry schedule was used up.';
comment on column postrider.endpoint_hour_part.discarded is 'Deliveries that were discarded.';
comment on column postrider.endpoint_hour_part.sent_again is
  'How many of the attempts were of deliveries that were sent again by hand or by a replay. delay_ms leaves them out.';
comment on column postrider.endpoint_hour_part.failed_again is 'How many of sent_again failed.';
comment on column postrider.endpoint_hour_part.excused is
  'How many of exhausted and discarded count against no objective, as in postrider.endpoint_minute.';
comment on column postrider.endpoint_hour_part.failures is
  'Failed attempts by status, or by failure_kind if there was none: {"503": 4, "timeout": 1}. Null if none failed.';
comment on column postrider.endpoint_hour_part.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';
comment on column postrider.endpoint_hour_part.delay_ms is 'Successes by the time since they were due, as in postrider.endpoint_minute.';

-- Without a row until postrider.maintain() is first called, so that the data of another database can be restored.
create table postrider.hour_cursor (
  is_row boolean not null default true,
  made_until timestamptz,
  constraint hour_cursor_pkey primary key (is_row),
  constraint "there is one row" check (is_row)
);
comment on table postrider.hour_cursor is 'One row: which hours postrider.maintain() has made of minutes.';
comment on column postrider.hour_cursor.is_row is 'True: there is one row.';
comment on column postrider.hour_cursor.made_until is
  'Hours before this are in postrider.endpoint_hour_part, and only days of minutes before this may be dropped. Null if none was made yet.';

alter table postrider.retention
  add column hours_period interval not null default '400 days',
  add constraint "hours are kept for 1 day to 100 years" check (hours_period between interval '1 day' and interval '100 years');
comment on table postrider.retention is
  'One row: how long events are kept, with their deliveries, attempts and minutes, and how long the hours are. Change it: update postrider.retention set period = ''90 days''.';
comment on column postrider.retention.hours_period is
  'How long postrider.endpoint_hour goes back: 400 days if you do not change it. Change it: update postrider.retention set hours_period = ''2 years''.';
