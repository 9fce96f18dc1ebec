-- Where events go: endpoints, their secrets and subscriptions, and whether they fail.
-- locks: nothing that exists; it makes new tables only
-- breaking: no

create table postrider.endpoint (
  id uuid not null default postrider.uuid_v7(),
  tenant text not null default '',
  url text not null,
  shown_url text not null generated always as (postrider_internal.url_without_secrets(url)) stored,
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
    cardinality(retry_schedule) <= 50 and postrider_internal.are_retry_waits(retry_schedule)),
  constraint "headers is a JSON object" check (jsonb_typeof(headers) = 'object'),
  constraint "headers are names and texts that HTTP allows" check (postrider_internal.header_problem(headers) is null),
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
