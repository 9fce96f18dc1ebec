-- What becomes of each event at each endpoint: deliveries, attempts, cancellations.
-- locks: nothing that exists; it makes new tables only
-- breaking: no

-- A first attempt that runs from a daemon's memory and succeeds is recorded here, in the columns first_*, and nowhere else:
-- another row would double what a delivery writes. The columns that such a row fills come in the order of their alignment, and long texts
-- last. They stay as they are if the delivery is sent again.
create table postrider.delivery (
  event_id uuid not null,
  endpoint_id uuid not null,
  created_at timestamptz not null default now(),
  finished_at timestamptz,
  next_attempt_at timestamptz,
  lease_expires_at timestamptz,
  leased_by uuid,
  attempts integer not null default 0,
  attempts_before integer not null default 0,
  first_started_at timestamptz,
  first_endpoint_revision bigint,
  first_duration_ms integer,
  first_http_status smallint,
  first_requests smallint,
  first_attempt_id uuid,
  first_daemon_id uuid,
  first_batch_id uuid,
  state text not null,
  reason text,
  replay_id uuid,
  state_before text,
  first_response_headers json,
  first_response_body text,
  constraint delivery_pkey primary key (event_id, endpoint_id),
  constraint "state is pending, succeeded, exhausted or discarded"
    check (state in ('pending', 'succeeded', 'exhausted', 'discarded')),
  constraint "a pending delivery has a next attempt, a finished one an end"
    check (case when state = 'pending' then next_attempt_at is not null and finished_at is null
                else next_attempt_at is null and finished_at is not null end),
  constraint "only a pending delivery is leased"
    check ((leased_by is null) = (lease_expires_at is null) and (leased_by is null or state = 'pending')),
  constraint "a discarded delivery has a reason" check (state <> 'discarded' or reason is not null),
  constraint "attempts never go down" check (attempts >= attempts_before and attempts_before >= 0),
  constraint "only a replayed delivery has a state before" check (state_before is null or replay_id is not null),
  constraint "a first attempt has a daemon, a start and a duration" check (
    first_attempt_id is null
    or first_daemon_id is not null and first_started_at is not null and first_duration_ms is not null)
) partition by range (event_id);
create index delivery_due on postrider.delivery (endpoint_id, next_attempt_at) where state = 'pending';
-- For people: the oldest event that waits for an endpoint, what is leased, and what ended without success are found at once
-- among millions. Rows that succeed at the first try are in none of these indexes. A check makes "not finished" the same as
-- pending, but the planner does not know that, so no statement of a daemon can use delivery_oldest. When the walk over
-- delivery_due could, it did, and sorted an endpoint's rows.
create index delivery_oldest on postrider.delivery (endpoint_id, event_id) where finished_at is null;
create index delivery_leased on postrider.delivery (lease_expires_at) where lease_expires_at is not null;
create index delivery_undelivered on postrider.delivery (endpoint_id, event_id) where state in ('exhausted', 'discarded');
-- What a replay has in progress; other deliveries are not in it.
create index delivery_replay on postrider.delivery (replay_id) where replay_id is not null and state = 'pending';
comment on table postrider.delivery is
  'One event for one endpoint: what has finished, and what waits. A first attempt in progress has no row yet; postrider.delivery_status shows it.';
comment on column postrider.delivery.event_id is 'The event, postrider.outbox.id.';
comment on column postrider.delivery.endpoint_id is 'The endpoint.';
comment on column postrider.delivery.created_at is 'When this row was written.';
comment on column postrider.delivery.finished_at is 'When it succeeded, was exhausted or was discarded.';
comment on column postrider.delivery.next_attempt_at is
  'When the next attempt is due; while an attempt is in progress, when its lease ends. Null once finished.';
comment on column postrider.delivery.lease_expires_at is
  'Until when the daemon in leased_by may work on it; null if none does.';
comment on column postrider.delivery.leased_by is 'The daemon that is working on it.';
comment on column postrider.delivery.attempts is 'Attempts made so far.';
comment on column postrider.delivery.attempts_before is
  'Attempts made before redeliver or a replay restarted the retry schedule.';
comment on column postrider.delivery.first_started_at is 'When the first attempt started, by the daemon''s clock. Only one that a daemon made right after the claim, and that succeeded, is recorded here; postrider.attempt shows it with all others.';
comment on column postrider.delivery.first_endpoint_revision is 'The revision of the endpoint that it used.';
comment on column postrider.delivery.first_duration_ms is 'Milliseconds until its answer was read.';
comment on column postrider.delivery.first_http_status is 'The status of the response.';
comment on column postrider.delivery.first_requests is 'How many HTTP requests it made; null for one.';
comment on column postrider.delivery.first_attempt_id is 'Identifies it; null if no first attempt is recorded here.';
comment on column postrider.delivery.first_daemon_id is 'The daemon that made it.';
comment on column postrider.delivery.first_batch_id is 'The batch in which the event was sent; null if it was sent alone.';
comment on column postrider.delivery.state is 'pending; succeeded; exhausted: the retry schedule is used up; discarded: ended by an operator, or with its endpoint.';
comment on column postrider.delivery.reason is 'Why it was discarded. A replay keeps it until the delivery ends anew.';
comment on column postrider.delivery.replay_id is
  'The replay that last made this delivery pending, or created it. Its attempts do not count for the endpoint''s health. Null for all others.';
comment on column postrider.delivery.state_before is
  'Its state before that replay, which it gets back if the replay is cancelled; null if there was no delivery.';
comment on column postrider.delivery.first_response_headers is
  'Headers of the response, as far as they are kept (16 KiB together with the body).';
comment on column postrider.delivery.first_response_body is
  'The beginning of the response''s body, as text; U+FFFD replaces NUL and what is not UTF-8.';

create table postrider.delivery_default partition of postrider.delivery default;
comment on table postrider.delivery_default is 'Deliveries of events outside every day''s partition.';

create table postrider.cancellation (
  event_id uuid not null,
  endpoint_id uuid not null,
  reason text not null,
  requested_at timestamptz not null default clock_timestamp(),
  constraint cancellation_pkey primary key (event_id, endpoint_id)
);
comment on table postrider.cancellation is
  'Deliveries that were cancelled while a daemon had them in hand: a record never makes them pending again. A row is deleted when its delivery has ended; most of the time there is none.';
comment on column postrider.cancellation.event_id is 'The event.';
comment on column postrider.cancellation.endpoint_id is 'The endpoint.';
comment on column postrider.cancellation.reason is 'The reason that the delivery will have.';
comment on column postrider.cancellation.requested_at is 'When it was cancelled.';

-- Every attempt but those in the columns first_* of a delivery. A failed one is here because its delivery's row is written
-- again with each further attempt, and would take the answer along. The first one of a delivery that waited in the queue is
-- here because that row is updated, and not inserted, when it succeeds.
create table postrider.other_attempt (
  event_id uuid not null,
  endpoint_id uuid not null,
  id uuid not null,
  daemon_id uuid not null,
  started_at timestamptz not null,
  endpoint_revision bigint,
  attempt_number integer not null,
  duration_ms integer not null,
  http_status smallint,
  requests smallint,
  failure_kind postrider.failure_kind,
  error text,
  batch_id uuid,
  response_headers json,
  response_body text,
  constraint other_attempt_pkey primary key (event_id, endpoint_id, id),
  constraint "attempts are numbered from 1" check (attempt_number >= 1),
  constraint "an attempt that failed says how" check ((failure_kind is null) or (error is not null))
) partition by range (event_id);
-- For people: a retry counts among the attempts of the hour in which it was made, however old its event is.
create index other_attempt_started on postrider.other_attempt (started_at);
comment on table postrider.other_attempt is
  'The attempts that are not recorded in their delivery: all but first attempts that a daemon made right after the claim and that succeeded. Rows are only added. Read postrider.attempt, which shows them all.';
comment on column postrider.other_attempt.event_id is 'The event that was sent.';
comment on column postrider.other_attempt.endpoint_id is 'The endpoint that it was sent to.';
comment on column postrider.other_attempt.id is 'Identifies the attempt; made by the daemon, so that recording it twice adds nothing.';
comment on column postrider.other_attempt.daemon_id is 'The daemon that made it.';
comment on column postrider.other_attempt.started_at is 'When it started, by the daemon''s clock.';
comment on column postrider.other_attempt.endpoint_revision is 'The revision of the endpoint that it used.';
comment on column postrider.other_attempt.attempt_number is
  'First, second ... attempt of the delivery. After a crash two attempts can have the same number: both were sent.';
comment on column postrider.other_attempt.duration_ms is
  'Milliseconds until the answer was read, or the attempt was given up.';
comment on column postrider.other_attempt.http_status is 'The status of the response; null if there was none.';
comment on column postrider.other_attempt.requests is 'How many HTTP requests it made; null for one.';
comment on column postrider.other_attempt.failure_kind is
  'How the attempt failed; null on success. \dD postrider.failure_kind lists the kinds.';
comment on column postrider.other_attempt.error is 'What went wrong, in a sentence.';
comment on column postrider.other_attempt.batch_id is 'The batch in which the event was sent; null if it was sent alone.';
comment on column postrider.other_attempt.response_headers is
  'Headers of the response, as far as they are kept (16 KiB together with the body).';
comment on column postrider.other_attempt.response_body is
  'The beginning of the response''s body, as text; U+FFFD replaces NUL and what is not UTF-8.';

create table postrider.other_attempt_default partition of postrider.other_attempt default;
comment on table postrider.other_attempt_default is 'Attempts of events outside every day''s partition.';
