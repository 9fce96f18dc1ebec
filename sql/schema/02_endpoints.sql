-- Where events go: endpoints, their secrets and subscriptions, and whether they fail.
-- locks: nothing that exists; it makes new tables only
-- breaking: no
--
-- What people edit is judged by domains, because a violation of a table's own check shows the whole row, and the server's
-- log keeps it: the values of the headers, the query of the URL, a secret. A violation of a domain shows no value at all.
-- A domain judges only the value, never who writes it or when, so the rows of a dump can always be loaded. Postgres runs
-- the checks of a domain in the order of their names.

create domain postrider.endpoint_tenant as text
  constraint "tenant has at most 255 characters" check (length(value) <= 255);
comment on domain postrider.endpoint_tenant is 'The owner of an endpoint; the empty string if there is none.';

-- Each check lets pass what another check with a better name refuses, so the name of the violated check is the reason.
create domain postrider.endpoint_url as text
  constraint "url has a host, and if any a port of 1 to 65535" check (
    value !~* '^https?://[^[:space:][:cntrl:]]+$' or value ~* '^https?://[^/?#]*@' or
    value ~* '^https?://(\[[0-9a-f:.]+\]|[^][/?#:@\\]+)(:0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#\\]|$)')
  constraint "url has no fragment and no backslash" check (
    value !~* '^https?://[^[:space:][:cntrl:]]+$' or value ~* '^https?://[^/?#]*@' or value !~ '[#\\]')
  constraint "url has no user and no password" check (postrider_internal.has_no_login(value))
  constraint "url is http or https, without blanks, at most 2048 long" check (
    value ~* '^https?://[^[:space:][:cntrl:]]+$' and length(value) <= 2048);
comment on domain postrider.endpoint_url is 'An absolute http or https URL without user, password and fragment.';

create domain postrider.endpoint_name as text
  constraint "name has 1 to 255 characters, without blanks at its ends" check (
    length(value) between 1 and 255 and value !~ '^[[:space:]]|[[:space:]]$|[[:cntrl:]]');
comment on domain postrider.endpoint_name is 'What people call an endpoint.';

create domain postrider.endpoint_description as text
  constraint "description has at most 10000 characters" check (length(value) <= 10000);
comment on domain postrider.endpoint_description is 'What an endpoint is for.';

create domain postrider.endpoint_format as text
  constraint "format is standard or raw" check (value in ('standard', 'raw'));
comment on domain postrider.endpoint_format is 'The format of a request''s body.';

create domain postrider.endpoint_timeout_ms as integer
  constraint "timeout_ms is between 100 and 120000" check (value between 100 and 120000);
comment on domain postrider.endpoint_timeout_ms is 'The time limit of a request, in milliseconds.';

create domain postrider.endpoint_retry_schedule as interval[]
  constraint "retry_schedule has at most 50 steps of 1 ms to 30 days" check (
    cardinality(value) <= 50 and postrider_internal.are_retry_waits(value));
comment on domain postrider.endpoint_retry_schedule is 'The waits between the attempts of a delivery.';

create domain postrider.endpoint_headers as jsonb
  constraint "headers are names and texts that HTTP allows" check (postrider_internal.are_headers(value))
  constraint "headers is a JSON object" check (jsonb_typeof(value) = 'object');
comment on domain postrider.endpoint_headers is 'Request headers, name to value.';

create domain postrider.endpoint_disable_after as interval
  constraint "disable_after is between 1 minute and 1 year" check (
    value between interval '1 minute' and interval '1 year');
comment on domain postrider.endpoint_disable_after is 'How long an endpoint may have nothing but failures.';

create domain postrider.endpoint_state as text
  constraint "state is active, paused or disabled" check (value in ('active', 'paused', 'disabled'));
comment on domain postrider.endpoint_state is 'Whether an endpoint gets events, and whether they are sent.';

create domain postrider.signing_secret as text
  constraint "secret is whsec_ and base64 of 24 to 64 bytes" check (
    value ~ '^whsec_[A-Za-z0-9+/]+={0,2}$' and length(value) between 38 and 94);
comment on domain postrider.signing_secret is 'A key of HMAC-SHA256, written as Standard Webhooks does.';

create domain postrider.event_type_pattern as text
  constraint "event_type is exact, a prefix such as order.*, or *" check (
    (value = '*' or value ~ '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*([.][*])?$') and length(value) <= 255);
comment on domain postrider.event_type_pattern is 'The event types that a subscription is for.';

create domain postrider.failure_kind as text
  constraint "failure_kind is one that this schema knows" check (
    value in ('status', 'timeout', 'connect', 'dns', 'tls', 'reset', 'blocked', 'protocol', 'proxy'));
comment on domain postrider.failure_kind is 'How an attempt failed. Its check lists the kinds: \dD postrider.failure_kind.';

create table postrider.endpoint (
  id uuid not null default postrider.uuid_v7(),
  tenant postrider.endpoint_tenant not null default '',
  name postrider.endpoint_name,
  description postrider.endpoint_description,
  url postrider.endpoint_url not null,
  shown_url text not null generated always as (postrider_internal.url_without_secrets(url)) stored,
  format postrider.endpoint_format not null default 'standard',
  timeout_ms postrider.endpoint_timeout_ms not null default 15000,
  retry_schedule postrider.endpoint_retry_schedule not null default
    '{5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h}',
  headers postrider.endpoint_headers not null default '{}',
  disable_after postrider.endpoint_disable_after default '5 days',
  state postrider.endpoint_state not null default 'active',
  state_reason text,
  state_changed_at timestamptz not null default clock_timestamp(),
  paused_at timestamptz,
  pause_reason text,
  revision bigint not null default 1,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  constraint endpoint_pkey primary key (id),
  constraint endpoint_tenant_key unique (id, tenant),
  constraint "name is unique within its tenant" unique (tenant, name)
);
comment on table postrider.endpoint is
  'Where events go: a URL and how to talk to it. Made by postrider.create_endpoint. You can also edit it directly: daemons see an edit within moments, and the audit keeps what was before.';
comment on column postrider.endpoint.id is 'Identifies the endpoint.';
comment on column postrider.endpoint.tenant is 'Owner of the endpoint, at most 255 characters. The endpoint gets events of this tenant only.';
comment on column postrider.endpoint.name is 'What people call it: 1 to 255 characters, unique within its tenant. postrider.endpoint_id(name, tenant) finds it. Null for none.';
comment on column postrider.endpoint.description is 'What it is for, at most 10000 characters; null for nothing.';
comment on column postrider.endpoint.url is 'Absolute http or https URL with a host, at most 2048 long, without blanks, backslash, fragment, user and password: put a password into headers, as authorization. The daemon decides when it connects whether the address is allowed.';
comment on column postrider.endpoint.shown_url is 'The URL without its query: what readers may see, because a query may hold a token. Filled in.';
comment on column postrider.endpoint.format is 'standard: {"type", "timestamp", "data"} around the payload. raw: the payload alone.';
comment on column postrider.endpoint.timeout_ms is 'Time limit of a whole request, from connecting to the last byte read: a whole number of milliseconds, 100 to 120000.';
comment on column postrider.endpoint.retry_schedule is 'Waits between attempts: at most 50 intervals of 1 ms to 30 days, such as 5 s, 5 min and 2 h. Each is varied by up to 20 %. After the last attempt the delivery is exhausted; without waits there is one attempt.';
comment on column postrider.endpoint.headers is 'Extra request headers: an object of names and texts, such as {"authorization": "Bearer ..."}. They can replace content-type and user-agent. Refused are those that the sender sets: host, webhook-..., postrider-..., traceparent, proxy-..., and what frames or encodes a request; and two spellings of one.';
comment on column postrider.endpoint.disable_after is 'The endpoint is disabled after nothing but failures for this long: 1 minute to 1 year, null for never. postrider.endpoint_health shows what counts.';
comment on column postrider.endpoint.state is 'active; paused: its deliveries wait; disabled: it gets no new deliveries, and pending ones are discarded.';
comment on column postrider.endpoint.state_reason is 'Why the endpoint is paused or disabled.';
comment on column postrider.endpoint.state_changed_at is 'When state last changed.';
comment on column postrider.endpoint.paused_at is
  'While it is disabled: since when it had been paused, which enable_endpoint gives back. Null if it was not. Kept by a trigger.';
comment on column postrider.endpoint.pause_reason is 'Why it had been paused. Kept by a trigger.';
comment on column postrider.endpoint.revision is 'Counts changes of the endpoint and its secrets, so that daemons notice them. Kept by a trigger.';
comment on column postrider.endpoint.created_at is 'When the endpoint was made.';
comment on column postrider.endpoint.updated_at is 'When it was last changed. Kept by a trigger.';

create table postrider.endpoint_secret (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  secret postrider.signing_secret not null,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz,
  constraint endpoint_secret_pkey primary key (id),
  constraint endpoint_secret_endpoint_id_fkey foreign key (endpoint_id)
    references postrider.endpoint (id) on delete cascade
);
create index endpoint_secret_endpoint_id on postrider.endpoint_secret (endpoint_id);
comment on table postrider.endpoint_secret is 'The secrets that sign an endpoint''s requests: all that have not expired sign, the newest first.';
comment on column postrider.endpoint_secret.id is 'Identifies the secret.';
comment on column postrider.endpoint_secret.endpoint_id is 'The endpoint that it signs for.';
comment on column postrider.endpoint_secret.secret is 'whsec_ and the base64 of 24 to 64 bytes, as Standard Webhooks writes a key. Never logged.';
comment on column postrider.endpoint_secret.created_at is 'When it was made.';
comment on column postrider.endpoint_secret.expires_at is 'When it stops signing; null for never.';

create table postrider.endpoint_failure (
  endpoint_id uuid not null,
  consecutive_failures bigint not null,
  failing_since timestamptz,
  last_failure_at timestamptz not null,
  last_failure_kind postrider.failure_kind not null,
  last_http_status smallint,
  last_error text,
  recovered_at timestamptz,
  constraint endpoint_failure_pkey primary key (endpoint_id),
  constraint "failing since a time, while failures follow each other"
    check ((failing_since is not null) = (consecutive_failures > 0) and consecutive_failures >= 0)
) with (fillfactor = 50);
comment on table postrider.endpoint_failure is
  'Endpoints that have ever failed, and whether they still do; postrider.endpoint_health shows it. It is a separate table without a foreign key to endpoint, because people edit and lock that table and a daemon must not wait for them. A success writes here only if it ends a failure.';
comment on column postrider.endpoint_failure.endpoint_id is 'The endpoint, which may have been deleted since.';
comment on column postrider.endpoint_failure.consecutive_failures is 'Failed attempts since the last success; 0 after one.';
comment on column postrider.endpoint_failure.failing_since is 'When the first of them was recorded; null after a success.';
comment on column postrider.endpoint_failure.last_failure_at is 'When the last failure was recorded.';
comment on column postrider.endpoint_failure.last_failure_kind is 'How that attempt failed, as in postrider.attempt.';
comment on column postrider.endpoint_failure.last_http_status is 'The status that came back; null if none did.';
comment on column postrider.endpoint_failure.last_error is 'What went wrong, in a sentence.';
comment on column postrider.endpoint_failure.recovered_at is 'When a success last ended a series of failures.';

create table postrider.subscription (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  tenant postrider.endpoint_tenant not null,
  event_type postrider.event_type_pattern not null,
  filter jsonpath,
  created_at timestamptz not null default clock_timestamp(),
  constraint subscription_pkey primary key (id),
  constraint subscription_endpoint_id_fkey foreign key (endpoint_id, tenant)
    references postrider.endpoint (id, tenant) on delete cascade on update cascade
);
create index subscription_match on postrider.subscription (tenant, event_type);
create index subscription_endpoint_id on postrider.subscription (endpoint_id);
comment on table postrider.subscription is
  'Rules: events of these types, matching this filter, go to this endpoint. However many rules match, an endpoint gets one delivery of an event.';
comment on column postrider.subscription.id is 'Identifies the subscription.';
comment on column postrider.subscription.endpoint_id is 'The endpoint that gets the events.';
comment on column postrider.subscription.tenant is 'The endpoint''s tenant. Filled in.';
comment on column postrider.subscription.event_type is 'An event type, a prefix such as order.*, or * for all but postrider''s own.';
comment on column postrider.subscription.filter is 'An SQL/JSON path predicate over the payload, such as $.amount > 100; null for no filter. If the path gives no answer, the event does not match.';
comment on column postrider.subscription.created_at is 'When the subscription was made.';
