-- What is stored: the outbox, the deliveries and attempts it leads to, the endpoints they go to, and the claims of daemons.
-- locks: nothing that exists; it makes new tables only
-- breaking: no
--
-- The outbox, delivery and attempt tables are partitioned by range of the event's id, which is a UUID version 7 and so
-- ordered by time: a partition is one day in UTC, the primary key is the id alone, and a day's events, deliveries and
-- attempts share their bounds. Rows outside every day's partition (no daemon for a week, an id that
-- somebody made up) land in the default partition: an insert never fails for want of a partition.
--
-- No foreign key leaves the hot tables: the check would cost every insert a lock and a look-up.

create function postrider.uuid_v7() returns uuid
language sql volatile parallel safe
return encode(
  set_bit(
    set_bit(
      overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1),
    53, 1),
  'hex')::uuid;
comment on function postrider.uuid_v7() is
  'A new UUID version 7 (RFC 9562): milliseconds of the clock, then random bits. PostgreSQL has one of its own from 18 on.';

create function postrider.uuid_v7_floor(at timestamptz) returns uuid
language sql stable parallel safe strict
return (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;
comment on function postrider.uuid_v7_floor(timestamptz) is
  'The smallest UUID of that millisecond: the bound for "events since", as in: where id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';

create function postrider.uuid_v7_time(id uuid) returns timestamptz
language sql immutable parallel safe strict
return case
  when substring(id::text from 15 for 1) = '7'
  then to_timestamp((('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint) / 1000.0)
end;
comment on function postrider.uuid_v7_time(uuid) is
  'When a UUID version 7 was made, to the millisecond; null for any other UUID.';

-- The outbox ------------------------------------------------------------------------------------------------------

create table postrider.outbox (
  id uuid not null default postrider.uuid_v7(),
  xid xid8 not null default pg_current_xact_id(),
  seq bigint not null generated always as identity,
  created_at timestamptz not null default clock_timestamp(),
  deliver_at timestamptz,
  event_type text not null,
  tenant text not null default '',
  ordering_key text,
  idempotency_key text,
  attributes jsonb,
  payload json not null,
  constraint outbox_pkey primary key (id),
  constraint "event_type is dotted words of letters, digits, underscores"
    check (event_type ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$' and length(event_type) <= 255),
  constraint "tenant has at most 255 characters" check (length(tenant) <= 255),
  constraint "ordering_key has 1 to 255 characters" check (length(ordering_key) between 1 and 255),
  constraint "idempotency_key has 1 to 255 characters" check (length(idempotency_key) between 1 and 255),
  constraint "attributes is a JSON object" check (jsonb_typeof(attributes) = 'object')
) partition by range (id);

create index outbox_window on postrider.outbox (xid, seq);

create table postrider.outbox_default partition of postrider.outbox default;

comment on table postrider.outbox is
  'The events that applications committed, one row each, never updated. Insert event_type and payload; the rest is filled in or optional.';
comment on column postrider.outbox.id is 'UUID version 7, filled in; receivers see it as webhook-id.';
comment on column postrider.outbox.xid is 'The transaction that inserted the row, filled in: what a claim reads by. Never write it.';
comment on column postrider.outbox.seq is 'Order of insertion, filled in: gives the order of events within a transaction. Never write it.';
comment on column postrider.outbox.created_at is 'When the row was inserted, filled in; receivers see it as the envelope''s timestamp.';
comment on column postrider.outbox.deliver_at is 'Not before this time; null for at once.';
comment on column postrider.outbox.event_type is 'Dotted name such as order.paid, at most 255 characters; decides which endpoints get the event.';
comment on column postrider.outbox.tenant is 'Owner of the event: only endpoints of the same tenant match. The empty string where an application has none.';
comment on column postrider.outbox.ordering_key is 'Which thing the event is about, for receivers that want the order of one thing''s events.';
comment on column postrider.outbox.idempotency_key is 'A second insert with the same key and tenant adds nothing. Null for none.';
comment on column postrider.outbox.attributes is 'Extra attributes of the event, a JSON object: subject, traceparent and the like.';
comment on column postrider.outbox.payload is 'The event''s data. Sent exactly as written, byte for byte.';
comment on table postrider.outbox_default is 'Events outside every day''s partition. They are delivered like any other.';

create table postrider.idempotency_key (
  tenant text not null,
  idempotency_key text not null,
  event_id uuid not null,
  constraint idempotency_key_pkey primary key (tenant, idempotency_key)
);
create index idempotency_key_event_id on postrider.idempotency_key (event_id); -- keys go with the events of their day
comment on table postrider.idempotency_key is
  'Which event each idempotency key belongs to. Apart from the outbox, since a unique key of a partitioned table must hold the partition key.';
comment on column postrider.idempotency_key.tenant is 'The tenant within which the key is unique.';
comment on column postrider.idempotency_key.idempotency_key is 'The key as the application gave it.';
comment on column postrider.idempotency_key.event_id is 'The first event inserted with the key.';

-- Endpoints and subscriptions -------------------------------------------------------------------------------------

create function postrider.are_retry_waits(waits interval[]) returns boolean
language sql immutable parallel safe
return not exists (
  select from unnest(waits) w (wait)
  where w.wait is null
    -- Months, days and the time of day are kept apart, and compared as if a month had 30 days and a day 24 hours: with
    -- mixed signs, or very many years, an interval may compare as short and still point years away.
    or extract(year from w.wait) <> 0 or extract(month from w.wait) not between 0 and 1
    or extract(day from w.wait) not between 0 and 30
    or extract(epoch from w.wait) - extract(month from w.wait) * 2592000 - extract(day from w.wait) * 86400 < 0
    or extract(epoch from w.wait) not between 0.001 and 2592000);
comment on function postrider.are_retry_waits(interval[]) is 'Whether each of these is a wait of 1 ms to 30 days.';

create function postrider.header_problem(headers jsonb) returns text
language sql immutable parallel safe
-- one line break in a value would be a header, or a whole request, of somebody else's making
return (
  select format('the header %s %s', to_json(h.name),
    case
      when h.name !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+$' then 'has no name that HTTP allows: letters, digits and hyphens'
      when jsonb_typeof(h.value) <> 'string' then format('has a value that is no string, but of the type %s', jsonb_typeof(h.value))
      when h.value #>> '{}' ~ '[^ -~\t]' then 'has a value with a line break or a character outside of ASCII'
      else 'has a value with a blank at its beginning or end'
    end)
  from jsonb_each(case when jsonb_typeof(headers) = 'object' then headers else '{}' end) h (name, value)
  where h.name !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+$' or jsonb_typeof(h.value) <> 'string'
    or h.value #>> '{}' ~ '[^ -~\t]|^[ \t]|[ \t]$'
  order by h.name
  limit 1);
comment on function postrider.header_problem(jsonb) is 'What is wrong with the first of these request headers that HTTP does not allow, without its value; null where nothing is.';
create function postrider.url_without_secrets(url text) returns text
language sql immutable parallel safe strict
return regexp_replace(url, '^([a-z]+://)(?:[^/?#]*@)?([^?#]*).*$', '\1\2', 'i');
comment on function postrider.url_without_secrets(text) is
  'A URL without user, password, query and fragment: what may be shown to those who are shown no secrets.';

create table postrider.endpoint (
  id uuid not null default postrider.uuid_v7(),
  tenant text not null default '',
  url text not null,
  shown_url text not null generated always as (postrider.url_without_secrets(url)) stored,
  format text not null default 'standard',
  timeout_ms integer not null default 15000,
  retry_schedule interval[] not null default
    '{5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h}',
  headers jsonb not null default '{}',
  disable_after interval default '5 days',
  state text not null default 'active',
  state_reason text,
  state_changed_at timestamptz not null default clock_timestamp(),
  revision bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint endpoint_pkey primary key (id),
  constraint endpoint_tenant_key unique (id, tenant),
  constraint "tenant has at most 255 characters" check (length(tenant) <= 255),
  constraint "url is http or https, without blanks, at most 2048 long"
    check (url ~* '^https?://[^[:space:][:cntrl:]]+$' and length(url) <= 2048),
  -- Each of these judges what the ones before it have let through, so that the name says what is the matter.
  constraint "url has no user and no password"
    check (url !~* '^https?://[^/?#]*@'),
  constraint "url has no fragment and no backslash"
    check (url !~ '[#\\]'),
  constraint "url has a host, and if any a port of 1 to 65535" check (
    url !~* '^https?://[^[:space:][:cntrl:]]+$' or url ~* '^https?://[^/?#]*@' or
    url ~* '^https?://(\[[0-9a-f:.]+\]|[^][/?#:@\\]+)(:0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#\\]|$)'),
  constraint "format is standard or raw" check (format in ('standard', 'raw')),
  constraint "timeout_ms is between 100 and 120000" check (timeout_ms between 100 and 120000),
  constraint "retry_schedule has at most 50 steps of 1 ms to 30 days" check (
    cardinality(retry_schedule) <= 50 and postrider.are_retry_waits(retry_schedule)),
  constraint "headers is a JSON object" check (jsonb_typeof(headers) = 'object'),
  constraint "headers are names and texts that HTTP allows" check (postrider.header_problem(headers) is null),
  constraint "disable_after is between 1 minute and 1 year" check (
    disable_after between interval '1 minute' and interval '1 year'),
  constraint "state is active, paused or disabled" check (state in ('active', 'paused', 'disabled'))
);
comment on table postrider.endpoint is
  'Where events go: a URL and how to talk to it. Made by postrider.create_endpoint; may be edited: daemons see an edit within moments, and the audit keeps what was before.';
comment on column postrider.endpoint.id is 'Identifies the endpoint.';
comment on column postrider.endpoint.tenant is 'Owner of the endpoint: it gets events of this tenant only.';
comment on column postrider.endpoint.url is 'Absolute http or https URL. Whether its address may be reached is judged by the daemon when it connects.';
comment on column postrider.endpoint.shown_url is 'The URL without user, password, query and fragment: what those see who are shown no secrets. Filled in.';
comment on column postrider.endpoint.format is 'standard: {"type", "timestamp", "data"} around the payload; raw: the payload alone.';
comment on column postrider.endpoint.timeout_ms is 'Milliseconds for a whole request, from connecting to the last byte read.';
comment on column postrider.endpoint.retry_schedule is 'Waits between attempts; used up, the delivery is exhausted. Each is varied by up to 20 %.';
comment on column postrider.endpoint.headers is 'Extra request headers, name to value. They can replace content-type and user-agent, and no header that frames or signs the request.';
comment on column postrider.endpoint.disable_after is 'Disabled when it has had nothing but failures for so long; null for never. What counts is in postrider.endpoint_health.';
comment on column postrider.endpoint.state is 'active; paused: its deliveries wait; disabled: it gets no new deliveries, and pending ones are discarded.';
comment on column postrider.endpoint.state_reason is 'Why the endpoint is paused or disabled.';
comment on column postrider.endpoint.state_changed_at is 'When state changed last.';
comment on column postrider.endpoint.revision is 'Counts changes of the endpoint and its secrets, so that daemons notice them. Kept by a trigger.';
comment on column postrider.endpoint.created_at is 'When the endpoint was made.';
comment on column postrider.endpoint.updated_at is 'When it was changed last. Kept by a trigger.';

create table postrider.endpoint_secret (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  secret text not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  constraint endpoint_secret_pkey primary key (id),
  constraint endpoint_secret_endpoint_id_fkey foreign key (endpoint_id)
    references postrider.endpoint (id) on delete cascade,
  constraint "secret is whsec_ and base64 of 24 to 64 bytes" check (
    secret ~ '^whsec_[A-Za-z0-9+/]+={0,2}$' and length(secret) between 38 and 94)
);
create index endpoint_secret_endpoint_id on postrider.endpoint_secret (endpoint_id);
comment on table postrider.endpoint_secret is 'The secrets that sign an endpoint''s requests: all that have not expired, the newest first.';
comment on column postrider.endpoint_secret.id is 'Identifies the secret.';
comment on column postrider.endpoint_secret.endpoint_id is 'The endpoint that it signs for.';
comment on column postrider.endpoint_secret.secret is 'whsec_ and the key in base64, as Standard Webhooks has it. Never logged.';
comment on column postrider.endpoint_secret.created_at is 'When it was made.';
comment on column postrider.endpoint_secret.expires_at is 'From when on it no longer signs; null for never.';

create table postrider.endpoint_failure (
  endpoint_id uuid not null,
  consecutive_failures bigint not null,
  failing_since timestamptz,
  last_failure_at timestamptz not null,
  last_failure_kind text not null,
  last_http_status smallint,
  last_error text,
  recovered_at timestamptz,
  constraint endpoint_failure_pkey primary key (endpoint_id),
  constraint "failing since a time, while failures follow each other"
    check ((failing_since is not null) = (consecutive_failures > 0) and consecutive_failures >= 0)
) with (fillfactor = 50);
comment on table postrider.endpoint_failure is
  'Endpoints that have ever failed, and whether they still do; postrider.endpoint_health shows it. Apart from endpoint, which people edit and lock, and without a foreign key to it: a daemon must not wait for an operator. A success writes here only where it ends a failure.';
comment on column postrider.endpoint_failure.endpoint_id is 'The endpoint; it may be gone by now.';
comment on column postrider.endpoint_failure.consecutive_failures is 'Failed attempts since the last success; 0 after one.';
comment on column postrider.endpoint_failure.failing_since is 'When the first of them was recorded; null after a success.';
comment on column postrider.endpoint_failure.last_failure_at is 'When the last failure was recorded.';
comment on column postrider.endpoint_failure.last_failure_kind is 'Of what kind it was, as in postrider.attempt.';
comment on column postrider.endpoint_failure.last_http_status is 'The status that came back; null where none did.';
comment on column postrider.endpoint_failure.last_error is 'What went wrong, in a sentence.';
comment on column postrider.endpoint_failure.recovered_at is 'When a success last ended a row of failures.';

create table postrider.subscription (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  tenant text not null,
  event_type text not null,
  filter jsonpath,
  created_at timestamptz not null default clock_timestamp(),
  constraint subscription_pkey primary key (id),
  constraint subscription_endpoint_id_fkey foreign key (endpoint_id, tenant)
    references postrider.endpoint (id, tenant) on delete cascade on update cascade,
  constraint "event_type is exact, a prefix such as order.*, or *" check (
    (event_type = '*' or event_type ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*)?$') and length(event_type) <= 255)
);
create index subscription_match on postrider.subscription (tenant, event_type);
create index subscription_endpoint_id on postrider.subscription (endpoint_id);
comment on table postrider.subscription is
  'Rules: events of these types, matching this filter, go to this endpoint. However many rules match, an endpoint gets one delivery of an event.';
comment on column postrider.subscription.id is 'Identifies the subscription.';
comment on column postrider.subscription.endpoint_id is 'The endpoint that gets the events.';
comment on column postrider.subscription.tenant is 'The endpoint''s tenant. Filled in.';
comment on column postrider.subscription.event_type is 'An event type, a prefix such as order.*, or * for all but postrider''s own.';
comment on column postrider.subscription.filter is 'An SQL/JSON path predicate over the payload, such as $.amount > 100; null for no filter. No answer is no match.';
comment on column postrider.subscription.created_at is 'When the subscription was made.';

-- Deliveries and attempts -----------------------------------------------------------------------------------------

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
  state text not null,
  reason text,
  replay_id uuid,
  state_before text,
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
  constraint "only a replayed delivery has a state before" check (state_before is null or replay_id is not null)
) partition by range (event_id);

create index delivery_due on postrider.delivery (endpoint_id, next_attempt_at) where state = 'pending';
-- For whoever looks: the oldest event that waits for an endpoint, and what is leased, are found at once among millions.
-- Rows that succeed at first try are in none of the three. Their conditions are no daemon's: "not finished" is the same
-- as pending, by a check, but not to the planner. Where the walk over delivery_due could take delivery_oldest, it did,
-- and sorted an endpoint's rows.
create index delivery_oldest on postrider.delivery (endpoint_id, event_id) where finished_at is null;
create index delivery_leased on postrider.delivery (lease_expires_at) where lease_expires_at is not null;
-- what a replay has under way; other deliveries do not enter it
create index delivery_replay on postrider.delivery (replay_id) where replay_id is not null and state = 'pending';

create table postrider.delivery_default partition of postrider.delivery default;

comment on table postrider.delivery is
  'One event for one endpoint: what has finished, and what waits. A first attempt that is under way has no row yet; postrider.delivery_status shows it.';
comment on column postrider.delivery.event_id is 'The event, postrider.outbox.id.';
comment on column postrider.delivery.endpoint_id is 'The endpoint.';
comment on column postrider.delivery.created_at is 'When this row was written.';
comment on column postrider.delivery.finished_at is 'When it succeeded, was exhausted or was discarded.';
comment on column postrider.delivery.next_attempt_at is 'When the next attempt is due; while an attempt is under way, when its lease ends. Null once finished.';
comment on column postrider.delivery.lease_expires_at is 'Until when the daemon in leased_by may work on it; null when nobody does.';
comment on column postrider.delivery.leased_by is 'The daemon that is working on it.';
comment on column postrider.delivery.attempts is 'Attempts made so far.';
comment on column postrider.delivery.attempts_before is 'Attempts made before the retry schedule began anew, by redeliver or a replay.';
comment on column postrider.delivery.state is 'pending; succeeded; exhausted: the retry schedule is used up; discarded: ended by an operator, or with its endpoint.';
comment on column postrider.delivery.reason is 'Why it was discarded. A replay keeps it until the next attempt is recorded.';
comment on column postrider.delivery.replay_id is 'The replay that made this delivery pending last, or made it; its attempts say nothing about the endpoint''s health. Null for all others.';
comment on column postrider.delivery.state_before is 'Its state before that replay, to which it returns if the replay is cancelled; null where there was no delivery.';
comment on table postrider.delivery_default is 'Deliveries of events outside every day''s partition.';

create table postrider.cancellation (
  event_id uuid not null,
  endpoint_id uuid not null,
  reason text not null,
  requested_at timestamptz not null default clock_timestamp(),
  constraint cancellation_pkey primary key (event_id, endpoint_id)
);
comment on table postrider.cancellation is
  'Deliveries that were cancelled while a daemon had them in hand: what it records of them is never pending again. A row goes when its delivery has come to its end; most of the time there is none.';
comment on column postrider.cancellation.event_id is 'The event.';
comment on column postrider.cancellation.endpoint_id is 'The endpoint.';
comment on column postrider.cancellation.reason is 'What the delivery will have as its reason.';
comment on column postrider.cancellation.requested_at is 'When it was cancelled.';

create table postrider.attempt (
  event_id uuid not null,
  endpoint_id uuid not null,
  id uuid not null,
  daemon_id uuid not null,
  started_at timestamptz not null,
  attempt_number integer not null,
  duration_ms integer not null,
  http_status smallint,
  failure_kind text,
  error text,
  response_headers json,
  response_body text,
  constraint attempt_pkey primary key (event_id, endpoint_id, id),
  constraint "attempts are numbered from 1" check (attempt_number >= 1),
  constraint "an attempt that failed says how" check ((failure_kind is null) or (error is not null))
) partition by range (event_id);

create table postrider.attempt_default partition of postrider.attempt default;

comment on table postrider.attempt is 'Every HTTP request that was made, and what came of it. Rows are only added.';
comment on column postrider.attempt.event_id is 'The event that was sent.';
comment on column postrider.attempt.endpoint_id is 'The endpoint that it was sent to.';
comment on column postrider.attempt.id is 'Identifies the attempt; made by the daemon, so that recording it twice adds nothing.';
comment on column postrider.attempt.daemon_id is 'The daemon that made the request.';
comment on column postrider.attempt.started_at is 'When the request was begun, by the daemon''s clock.';
comment on column postrider.attempt.attempt_number is 'First, second ... attempt of the delivery. After a crash two rows can carry the same number: both were sent.';
comment on column postrider.attempt.duration_ms is 'Milliseconds until the answer was read, or the attempt given up.';
comment on column postrider.attempt.http_status is 'The status that came back; null where none did.';
comment on column postrider.attempt.failure_kind is 'Null on success; else status, timeout, connect, dns, tls, reset, blocked or protocol.';
comment on column postrider.attempt.error is 'What went wrong, in a sentence.';
comment on column postrider.attempt.response_headers is 'Headers of the response, as far as they are kept (16 KiB with the body).';
comment on column postrider.attempt.response_body is 'The beginning of the response''s body, as text; what is not UTF-8 or is a NUL stands as U+FFFD.';
comment on table postrider.attempt_default is 'Attempts of events outside every day''s partition.';

-- Daemons and their claims ----------------------------------------------------------------------------------------

create table postrider.daemon (
  id uuid not null,
  host text not null,
  pid integer not null,
  version text not null,
  started_at timestamptz not null default clock_timestamp(),
  beat_at timestamptz not null,
  lease_expires_at timestamptz not null,
  in_flight integer not null default 0,
  waiting integer not null default 0,
  condition text not null default 'well',
  condition_since timestamptz,
  condition_reason text,
  constraint daemon_pkey primary key (id),
  constraint "a condition is well, not_recording, not_claiming, not_sending or blind"
    check (condition in ('well', 'not_recording', 'not_claiming', 'not_sending', 'blind')),
  constraint "what keeps a daemon from its work has a time and a reason" check (num_nulls(condition_since, condition_reason) = case condition when 'well' then 2 else 0 end),
  constraint "a reason has at most 200 characters" check (length(condition_reason) <= 200)
) with (fillfactor = 50);
comment on table postrider.daemon is 'The daemons that run, one row each. A clean stop takes its row away.';
comment on column postrider.daemon.id is 'Made anew at each start, and whenever a lease was lost.';
comment on column postrider.daemon.host is 'Name of the machine or container.';
comment on column postrider.daemon.pid is 'Process id there.';
comment on column postrider.daemon.version is 'Version of the program.';
comment on column postrider.daemon.started_at is 'When it started.';
comment on column postrider.daemon.beat_at is 'When it was heard of last.';
comment on column postrider.daemon.lease_expires_at is 'From when on other daemons take over its claims, if it is not heard of again.';
comment on column postrider.daemon.in_flight is 'Requests under way at its last beat.';
comment on column postrider.daemon.waiting is 'First attempts that waited in its memory at its last beat.';
comment on column postrider.daemon.condition is
  'What it said of itself at its last beat. well; not_recording: results cannot be written, are kept and tried again, and nothing is claimed; not_claiming: events and deliveries cannot be taken; not_sending: sending is switched off, in postrider.sending; blind: no notification reaches it, and it looks once in a poll interval. The worst where there are several.';
comment on column postrider.daemon.condition_since is 'Since when it is not well; null when it is.';
comment on column postrider.daemon.condition_reason is 'What keeps it from its work, as Postgres or the link said it last; null when it is well.';

create table postrider.claim (
  id bigint not null generated always as identity,
  base pg_snapshot not null,
  target pg_snapshot,
  after_xid xid8,
  after_seq bigint,
  daemon_id uuid,
  claimed_at timestamptz not null default clock_timestamp(),
  event_ids uuid[] not null default '{}',
  endpoint_ids uuid[] not null default '{}',
  xid xid8 not null default pg_current_xact_id(),
  constraint claim_pkey primary key (id),
  constraint "a page inside a window says where it stopped" check (
    (target is null) = (after_xid is null) and (target is null) = (after_seq is null)),
  constraint "every event of a pair has its endpoint" check (cardinality(event_ids) = cardinality(endpoint_ids))
);
comment on table postrider.claim is
  'What daemons have taken. The newest row is the cursor over the outbox; rows with pairs record the first attempts that a daemon has in hand.';
comment on column postrider.claim.id is 'Order of claiming.';
comment on column postrider.claim.base is 'Every transaction visible in this snapshot has been claimed.';
comment on column postrider.claim.target is 'The snapshot up to which events are being claimed page by page; null when the window is complete.';
comment on column postrider.claim.after_xid is 'The transaction at which the page stopped.';
comment on column postrider.claim.after_seq is 'The event of that transaction at which the page stopped.';
comment on column postrider.claim.daemon_id is 'The daemon that has the pairs in hand.';
comment on column postrider.claim.claimed_at is 'When.';
comment on column postrider.claim.event_ids is 'Events of the pairs whose first attempt runs from the daemon''s memory.';
comment on column postrider.claim.endpoint_ids is 'Endpoints of the same pairs.';
comment on column postrider.claim.xid is
  'The transaction that wrote the row last. Where its xmin is another one, the row was restored or replicated, and its snapshots are of another cluster.';

-- The beginning of all transaction ids: the first claim finds every event there is.
insert into postrider.claim (base) values ('1:1:');

-- The one row that every daemon obeys. Where daemons work is written down by the first one that works there, and not by the
-- migration: a database that was migrated and then taken for a template is no copy of anything.
create table postrider.sending (
  is_row boolean not null default true,
  is_on boolean not null default true,
  reason text,
  changed_at timestamptz not null default clock_timestamp(),
  changed_by text not null default session_user,
  is_guarded boolean not null default true,
  system_identifier bigint,
  database_oid oid,
  home_since timestamptz,
  constraint sending_pkey primary key (is_row),
  constraint "there is one row" check (is_row),
  constraint "a home is a database, since a time" check ((database_oid is null) = (home_since is null)),
  constraint "a guarded home is one of a cluster" check (
    (system_identifier is not null) = (is_guarded and database_oid is not null))
);
comment on table postrider.sending is
  'One row: whether daemons send from this database, and in which database of which cluster they do. Switch them off, here and wherever this row is copied to: update postrider.sending set is_on = false, reason = ''...''.';
comment on column postrider.sending.is_row is 'True: there is one row.';
comment on column postrider.sending.is_on is 'False: nothing is claimed and no request is begun until it is true again; events are accepted and wait.';
comment on column postrider.sending.reason is 'Why it is off; cleared when it is switched on.';
comment on column postrider.sending.changed_at is 'When is_on or the reason was changed last. Kept by a trigger.';
comment on column postrider.sending.changed_by is 'The database role that changed it. Kept by a trigger.';
comment on column postrider.sending.is_guarded is
  'Whether the cluster is told by its system identifier. False only where pg_control_system() may not be called: a copy in another cluster is then not noticed, unless its oid differs. A change forgets the home: where events were claimed, daemons stop until postrider.adopt() is called.';
comment on column postrider.sending.system_identifier is
  'The cluster that daemons work in, as pg_control_system() has it. A restored or copied database still says the one it comes from: daemons stop there, until postrider.adopt() has been called.';
comment on column postrider.sending.database_oid is 'The database of that cluster; null as long as no daemon has worked anywhere.';
comment on column postrider.sending.home_since is 'When the first daemon began to work there, or the database was adopted.';
insert into postrider.sending default values;

create table postrider.audit (
  id uuid not null default postrider.uuid_v7(),
  at timestamptz not null default clock_timestamp(),
  transaction_id xid8 not null default pg_current_xact_id(),
  actor text not null default session_user,
  -- "set role", which a function with its owner's rights does not hide
  acting_as text default nullif(nullif(current_setting('role'), 'none'), session_user),
  action text not null,
  endpoint_id uuid,
  event_id uuid,
  detail jsonb not null default '{}',
  before jsonb,
  after jsonb,
  constraint audit_pkey primary key (id)
);
create index audit_endpoint_id on postrider.audit (endpoint_id, at);
comment on table postrider.audit is
  'What operators did, by function or by editing a table: one row an action, which says what was there before and after. Never a secret, never a header''s value.';
comment on column postrider.audit.id is 'Identifies the row; ordered by time.';
comment on column postrider.audit.at is 'When.';
comment on column postrider.audit.transaction_id is 'The transaction that did it: what was done together has the same one.';
comment on column postrider.audit.actor is 'The database role that logged in and did it; a daemon acts under its own.';
comment on column postrider.audit.acting_as is 'The role that it had taken by set role; null where none.';
comment on column postrider.audit.action is 'The function that was called; for an edit by hand insert, update or delete and the table, as in update endpoint.';
comment on column postrider.audit.endpoint_id is 'The endpoint it was about.';
comment on column postrider.audit.event_id is 'The event it was about.';
comment on column postrider.audit.detail is 'What was asked for, the reason included.';
comment on column postrider.audit.before is 'The columns that were changed or deleted, as they were; subscriptions and secrets in lists of their own.';
comment on column postrider.audit.after is 'The same columns as they became, or what was added.';

-- Partitions ------------------------------------------------------------------------------------------------------

create function postrider.attach_partition(parent text, day date, with_strays boolean default false) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Made apart and attached: `create table ... partition of` would lock the parent against every insert, attaching locks the
-- default partition alone.
declare
  part constant text := parent || '_' || to_char(day, 'YYYYMMDD');
  net constant text := parent || '_default';
  key constant text := case parent when 'outbox' then 'id' else 'event_id' end;
  lower_bound constant uuid := postrider.uuid_v7_floor(day::timestamp at time zone 'UTC');
  upper_bound constant uuid := postrider.uuid_v7_floor((day + 1)::timestamp at time zone 'UTC');
  columns text;
begin
  execute format('create table postrider.%I (like postrider.%I including defaults including constraints including indexes including storage including comments)', part, parent);
  execute format('comment on table postrider.%I is %L', part, format('Partition of postrider.%s: %s, in UTC.', parent, day));
  if with_strays then
    -- Whoever waited for one of these rows to change it would find it gone, and not where it went.
    execute format('lock table postrider.%I in access exclusive mode', net);
    select string_agg(quote_ident(a.attname), ', ' order by a.attnum) into strict columns
    from pg_attribute a
    where a.attrelid = format('postrider.%I', parent)::regclass and a.attnum > 0 and not a.attisdropped;
    execute format('with moved as (delete from postrider.%I where %I >= $1 and %I < $2 returning %s) insert into postrider.%I (%s) select %s from moved',
      net, key, key, columns, part, columns, columns)
      using lower_bound, upper_bound;
  end if;
  execute format('alter table postrider.%I attach partition postrider.%I for values from (%L) to (%L)', parent, part, lower_bound, upper_bound);
end
$$;
comment on function postrider.attach_partition(text, date, boolean) is
  'Makes the partition of that day, in UTC, of postrider.outbox, delivery or attempt; with_strays moves what the default partition has of it.';

create function postrider.make_partitions(ahead interval default '7 days') returns table (outcome text, partition_name text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set enable_seqscan = off -- whether a day has rows in the default partition is a look at its key
as $$
-- One step a call, and so a transaction: whatever is locked against inserts is locked for milliseconds. A lock that is
-- not to be had within 50 ms, during which inserts may queue behind the one who waits, is left for later.
--
-- Attaching reads the default partition whole, under a lock that keeps inserts out of it (a million rows: 2.3 s), unless
-- a valid check of that table says that it has no row of that day. So where there is much in it, the day first gets such
-- a check, its guard: added without a look at the rows, in one step; validated, beside inserts, in the next; dropped in
-- the one that attaches. A guard refuses rows of its day, and a crash can leave it behind. So it is never of a day that
-- begins within 24 hours, and the first thing that any later call does is to go on with it, or to drop it.
--
-- A day whose rows are already in the default partition keeps them there until it is past (move_strays), and so do today
-- and tomorrow while there is much in it: an insert that waited while its day moved would fail. They are served from there
-- as from a partition of their own.
declare
  -- read in a millisecond
  net_bytes_max constant bigint := 1048576;
  guard_text constant text := 'no row of %s while its partition is attached';
  today constant date := (now() at time zone 'UTC')::date;
  last_day constant date := ((now() + ahead) at time zone 'UTC')::date;
  parent text;
  net text;
  key text;
  day date;
  guard record;
  lower_bound uuid;
  upper_bound uuid;
  has_strays boolean;
  is_small boolean;
begin
  if not pg_try_advisory_xact_lock(1886352244, 3) then
    return;
  end if;
  foreach parent in array array['outbox', 'delivery', 'attempt'] loop
    net := parent || '_default';
    key := case parent when 'outbox' then 'id' else 'event_id' end;
    partition_name := net;

    select c.conname as name, c.convalidated as is_valid, substring(c.conname from 'no row of (\d{4}-\d\d-\d\d) while')::date as day into guard
    from pg_constraint c
    where c.conrelid = format('postrider.%I', net)::regclass and c.conname like format(guard_text, '%');
    if found then
      partition_name := parent || '_' || to_char(guard.day, 'YYYYMMDD');
      outcome := case when guard.day < today + 2 then 'released' when guard.is_valid then 'made' else 'validated' end;
      -- Waiting for this lock keeps nobody out, and an autovacuum, which holds it for long, gives way after a second.
      perform set_config('lock_timeout', '5s', true);
      execute format('lock table postrider.%I in share update exclusive mode', net);
      perform set_config('lock_timeout', '50ms', true);
      if outcome = 'made' then
        perform postrider.attach_partition(parent, guard.day);
      elsif outcome = 'validated' then
        begin
          execute format('alter table postrider.%I validate constraint %I', net, guard.name);
        exception
          -- a row of that day was there first, and the day stays with the default partition; or the statement's time is up
          when check_violation or query_canceled then
            outcome := 'released';
        end;
      end if;
      if outcome <> 'validated' then
        execute format('alter table postrider.%I drop constraint %I', net, guard.name);
      end if;
      return next;
      return;
    end if;

    is_small := pg_relation_size(format('postrider.%I', net)::regclass) <= net_bytes_max;
    for day in
      select d.day::date
      from generate_series(case when is_small then today else today + 2 end, last_day, interval '1 day') d (day)
      where to_regclass(format('postrider.%I', parent || '_' || to_char(d.day, 'YYYYMMDD'))) is null
    loop
      partition_name := parent || '_' || to_char(day, 'YYYYMMDD');
      lower_bound := postrider.uuid_v7_floor(day::timestamp at time zone 'UTC');
      upper_bound := postrider.uuid_v7_floor((day + 1)::timestamp at time zone 'UTC');
      execute format('select exists (select from postrider.%I where %I >= $1 and %I < $2)', net, key, key)
        into has_strays using lower_bound, upper_bound;
      continue when has_strays;
      if is_small then
        begin
          perform postrider.attach_partition(parent, day);
        exception
          when check_violation then
            continue; -- the day's first stray came in just now: the day stays with the default partition
        end;
        outcome := 'made';
      else
        execute format('alter table postrider.%I add constraint %I check (%I < %L or %I >= %L) not valid', net,
          format(guard_text, day), key, lower_bound, key, upper_bound);
        outcome := 'guarded';
      end if;
      return next;
      return;
    end loop;
  end loop;
exception
  when lock_not_available then
    outcome := 'busy';
    return next;
end
$$;
comment on function postrider.make_partitions(interval) is
  'Takes one step of making the daily partitions from today on, so far ahead, and says which: made, one is there; guarded, validated and released are steps on the way where there is much in the default partition; busy, somebody holds a lock: call again later. No row: nothing is left to do, or somebody else is at it. Daemons call it until then; safe at any time.';

do $$
begin
  while exists (select from postrider.make_partitions() m where m.outcome = 'made') loop
  end loop;
end
$$;
