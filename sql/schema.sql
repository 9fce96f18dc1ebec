-- The schema without the bodies of its functions and views: for reading, and for comparing. Written by "npm run docs"; do not edit.

-- Schemas

create schema postrider;

create schema postrider_internal;

-- Types

create domain postrider.api_key_name as text
  constraint "name has 1 to 255 characters, without blanks at its ends" CHECK ((((length(VALUE) >= 1) AND (length(VALUE) <= 255)) AND (VALUE !~ '^[[:space:]]|[[:space:]]$|[[:cntrl:]]'::text)));

create domain postrider.api_scopes as text[]
  constraint "scopes are of read, payload, publish, operate, admin and portal" CHECK (((cardinality(VALUE) > 0) AND (VALUE <@ '{read,payload,publish,operate,admin,portal:mint}'::text[])));

create type postrider_internal.claim_page as (base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, aside_xids xid8[], aside_seqs bigint[], ended_xids xid8[], is_complete boolean, must_move boolean, has_later boolean, ids uuid[], xids xid8[], seqs bigint[], event_types text[], tenants text[], created_times timestamp with time zone[], deliver_times timestamp with time zone[], contexts jsonb[], payloads json[]);

create type postrider_internal.claim_pair as (event_id uuid, endpoint_id uuid, deliver_at timestamp with time zone, problem text);

create type postrider_internal.claim_rule as (kind integer, endpoint_id uuid, revision bigint, is_express boolean, filters jsonpath[]);

create type postrider_internal.claimed_event as (id uuid, event_type text, created_at timestamp with time zone, deliver_at timestamp with time zone, context jsonb, payload json);

create domain postrider.endpoint_auth as jsonb
  constraint "auth says how requests are authenticated" CHECK (postrider_internal.is_auth(VALUE));

create domain postrider.endpoint_batch_delay_ms as integer
  constraint "batch_delay_ms is between 0 and 600000" CHECK (((VALUE >= 0) AND (VALUE <= 600000)));

create domain postrider.endpoint_batch_size as integer
  constraint "batch_size is between 1 and 1000" CHECK (((VALUE >= 1) AND (VALUE <= 1000)));

create domain postrider.endpoint_client_certificate as jsonb
  constraint "client_certificate is a certificate and its key in PEM" CHECK (postrider_internal.is_client_certificate(VALUE));

create domain postrider.endpoint_description as text
  constraint "description has at most 10000 characters" CHECK ((length(VALUE) <= 10000));

create domain postrider.endpoint_disable_after as interval
  constraint "disable_after is between 1 minute and 1 year" CHECK (((VALUE >= '00:01:00'::interval) AND (VALUE <= '1 year'::interval)));

create domain postrider.endpoint_encryption_key as jsonb
  constraint "encryption_key is a public JWK that can encrypt" CHECK (postrider_internal.is_public_jwk(VALUE));

create domain postrider.endpoint_format as text
  constraint "format is one that this schema knows" CHECK ((VALUE = ANY (ARRAY['standard'::text, 'raw'::text, 'cloudevents'::text, 'cloudevents-binary'::text, 'xml'::text, 'cloudevents-xml'::text])));

create domain postrider.endpoint_give_up_on as text[]
  constraint "give_up_on is statuses from 300 to 599, or 3xx, 4xx and 5xx" CHECK (((cardinality(VALUE) <= 300) AND postrider_internal.are_statuses(VALUE)));

create domain postrider.endpoint_headers as jsonb
  constraint "headers are names and texts that HTTP allows" CHECK (postrider_internal.are_headers(VALUE))
  constraint "headers is a JSON object" CHECK ((jsonb_typeof(VALUE) = 'object'::text));

create domain postrider.endpoint_inline_limit as integer
  constraint "inline_limit is between 0 and 67108864" CHECK (((VALUE >= 0) AND (VALUE <= 67108864)));

create domain postrider.endpoint_kind as text
  constraint "kind is push or pull" CHECK ((VALUE = ANY (ARRAY['push'::text, 'pull'::text])));

create domain postrider.endpoint_max_in_flight as integer
  constraint "max_in_flight is between 1 and 100000" CHECK (((VALUE >= 1) AND (VALUE <= 100000)));

create domain postrider.endpoint_name as text
  constraint "name has 1 to 255 characters, without blanks at its ends" CHECK ((((length(VALUE) >= 1) AND (length(VALUE) <= 255)) AND (VALUE !~ '^[[:space:]]|[[:space:]]$|[[:cntrl:]]'::text)));

create domain postrider.endpoint_payload as text
  constraint "payload is a path or a template" CHECK (postrider_internal.is_transformation(VALUE));

create domain postrider.endpoint_payload_fallback as text
  constraint "payload_fallback is discard or whole" CHECK ((VALUE = ANY (ARRAY['discard'::text, 'whole'::text])));

create domain postrider.endpoint_rate_burst as integer
  constraint "rate_burst is between 1 and 100000" CHECK (((VALUE >= 1) AND (VALUE <= 100000)));

create domain postrider.endpoint_rate_limit as numeric
  constraint "rate_limit is between 0.001 and 100000" CHECK (((VALUE >= 0.001) AND (VALUE <= (100000)::numeric)));

create domain postrider.endpoint_retry_on as text[]
  constraint "retry_on is statuses from 300 to 599 without 410, or 3xx to 5xx" CHECK (((cardinality(VALUE) <= 300) AND postrider_internal.are_statuses(VALUE) AND (array_position(VALUE, '410'::text) IS NULL)));

create domain postrider.endpoint_retry_schedule as interval[]
  constraint "retry_schedule has at most 50 steps of 1 ms to 30 days" CHECK (((cardinality(VALUE) <= 50) AND postrider_internal.are_retry_waits(VALUE)));

create domain postrider.endpoint_secret_text as text
  constraint "secret is sealed as a daemon seals it" CHECK (((VALUE !~ '^sealed:'::text) OR ((VALUE ~ '^sealed:v1:[0-9a-f]{16}:[A-Za-z0-9+/]+={0,2}$'::text) AND (length(VALUE) <= 200000))))
  constraint "secret is whsec_ and base64 of 24 to 64 bytes" CHECK (((VALUE ~ '^(whsk_|sealed:|[{])'::text) OR ((VALUE ~ '^whsec_[A-Za-z0-9+/]+={0,2}$'::text) AND ((length(VALUE) >= 38) AND (length(VALUE) <= 94)))))
  constraint "secret is whsk_ and base64 of 64 bytes" CHECK (((VALUE !~ '^whsk_'::text) OR (VALUE ~ '^whsk_[A-Za-z0-9+/]{86}==$'::text)));

create domain postrider.endpoint_signing as text
  constraint "signing is hmac, ed25519 or both" CHECK ((VALUE = ANY (ARRAY['hmac'::text, 'ed25519'::text, 'both'::text])));

create domain postrider.endpoint_state as text
  constraint "state is active, paused or disabled" CHECK ((VALUE = ANY (ARRAY['active'::text, 'paused'::text, 'disabled'::text])));

create domain postrider.endpoint_tenant as text
  constraint "tenant has at most 255 characters" CHECK ((length(VALUE) <= 255));

create domain postrider.endpoint_timeout_ms as integer
  constraint "timeout_ms is between 100 and 120000" CHECK (((VALUE >= 100) AND (VALUE <= 120000)));

create domain postrider.endpoint_url as text
  constraint "url has a host in plain characters, without %" CHECK (("substring"(VALUE, '(?i)^https?://([^][/?#:@\\]+)'::text) !~ '%'::text))
  constraint "url has a host of at most 253 characters, in labels of 1 to 63" CHECK (("substring"(VALUE, '(?i)^https?://([^][/?#:@\\]+)'::text) !~ '^[.]|[.][.]|[^.]{64}|^.{253}[^.]|^.{255}'::text))
  constraint "url has a host, and if any a port of 1 to 65535" CHECK (((VALUE !~* '^https?://[^[:space:][:cntrl:]]+$'::text) OR (VALUE ~* '^https?://[^/?#]*@'::text) OR (VALUE ~* '^https?://(\[[0-9a-f:.]+\]|[^][/?#:@\\]+)(:0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#\\]|$)'::text)))
  constraint "url has an IPv4 address as four numbers from 0 to 255" CHECK ((("substring"(VALUE, '(?i)^https?://([^][/?#:@\\]+)'::text) !~* '(^|[.])([0-9]+|0x[0-9a-f]*)[.]?$'::text) OR ("substring"(VALUE, '(?i)^https?://([^][/?#:@\\]+)'::text) ~ '^((25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])([.](?!$)|$)){4}$'::text)))
  constraint "url has no fragment and no backslash" CHECK (((VALUE !~* '^https?://[^[:space:][:cntrl:]]+$'::text) OR (VALUE ~* '^https?://[^/?#]*@'::text) OR (VALUE !~ '[#\\]'::text)))
  constraint "url has no unspecified, multicast or broadcast address" CHECK ((VALUE !~* '^https?://((0|22[4-9]|23[0-9])[.][0-9.]+|255[.]255[.]255[.]255|\[[0:]+\]|\[ff[0-9a-f]{2}:[0-9a-f:.]*\])([/?#:]|$)'::text))
  constraint "url has no user and no password" CHECK (postrider_internal.has_no_login(VALUE))
  constraint "url is http or https, without blanks, at most 2048 long" CHECK (((VALUE ~* '^https?://[^[:space:][:cntrl:]]+$'::text) AND (length(VALUE) <= 2048)));

create domain postrider.endpoint_when_exhausted as text
  constraint "when_exhausted is continue or halt" CHECK ((VALUE = ANY (ARRAY['continue'::text, 'halt'::text])));

create domain postrider.event_type_pattern as text
  constraint "event_type is exact, a prefix such as order.*, or *" CHECK ((((VALUE = '*'::text) OR (VALUE ~ '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*([.][*])?$'::text)) AND (length(VALUE) <= 255)));

create domain postrider.failure_kind as text
  constraint "failure_kind is one that this schema knows" CHECK ((VALUE = ANY (ARRAY['status'::text, 'timeout'::text, 'connect'::text, 'dns'::text, 'tls'::text, 'reset'::text, 'blocked'::text, 'protocol'::text, 'proxy'::text, 'auth'::text]))) NOT VALID;

create type postrider_internal.found_heads as (is_ordered boolean, has_others boolean, keys text[], run_length integer, has_expired boolean, after_key text, moves boolean, next_due timestamp with time zone);

create domain postrider.handshake_state as text
  constraint "handshake_state is wanted, granted or refused" CHECK ((VALUE = ANY (ARRAY['wanted'::text, 'granted'::text, 'refused'::text])));

create type postrider_internal.leased_delivery as (event_id uuid, attempts integer, attempts_before integer, is_again boolean, deliver_at_ms bigint, event_type text, created_at json, context jsonb, payload json, batch_id uuid, ordering_seq bigint);

create domain postrider.objective_bound as interval
  constraint "within is one of the bounds that delays are counted by" CHECK ((EXTRACT(epoch FROM VALUE) = ANY (ARRAY[0.01, 0.05, 0.1, 0.5, (1)::numeric, (5)::numeric, (10)::numeric, (30)::numeric, (60)::numeric, (300)::numeric, (1800)::numeric, (7200)::numeric, (21600)::numeric, (86400)::numeric, (259200)::numeric])));

create domain postrider.objective_target as numeric
  constraint "target is a share below 1, such as 0.999" CHECK (((VALUE > (0)::numeric) AND (VALUE < (1)::numeric)));

create domain postrider.portal_capabilities as text[]
  constraint "capabilities are ones that the portal knows" CHECK (((cardinality(VALUE) > 0) AND (VALUE <@ '{endpoints:read,endpoints:write,endpoints:state,secret:rotate,attempts:read,payload:read,redeliver,replay,test}'::text[])));

create domain postrider.portal_subject as text
  constraint "subject has 1 to 255 characters, without blanks at its ends" CHECK ((((length(VALUE) >= 1) AND (length(VALUE) <= 255)) AND (VALUE !~ '^[[:space:]]|[[:space:]]$|[[:cntrl:]]'::text)));

create domain postrider.secret_kind as text
  constraint "kind is hmac, ed25519, auth or client_certificate" CHECK ((VALUE = ANY (ARRAY['hmac'::text, 'ed25519'::text, 'auth'::text, 'client_certificate'::text])));

create domain postrider.signing_public_key as text
  constraint "public_key is whpk_ and base64 of 32 bytes" CHECK ((VALUE ~ '^whpk_[A-Za-z0-9+/]{43}=$'::text));

create type postrider_internal.transformation_plan as (endpoint_id uuid, revision bigint, fallback text, skeleton jsonb, places text[], texts text[], paths jsonpath[], lists boolean[], header_names text[], header_paths jsonpath[], header_length integer, reads_payload boolean);

-- Sequences, those of identity columns included

create sequence postrider.claim_id_seq as bigint start 1 increment 1 minvalue 1 maxvalue 9223372036854775807 cache 1;

create sequence postrider.outbox_seq_seq as bigint start 1 increment 1 minvalue 1 maxvalue 9223372036854775807 cache 1;

-- Tables

create table postrider.api_key (
  id uuid not null default postrider.uuid_v7(),
  name postrider.api_key_name not null,
  scopes postrider.api_scopes not null,
  key_hash bytea not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  created_by text not null default SESSION_USER,
  expires_at timestamp with time zone,
  last_used_at timestamp with time zone,
  constraint api_key_pkey PRIMARY KEY (id),
  constraint api_key_key_hash_key UNIQUE (key_hash),
  constraint "name of a key is unique" UNIQUE (name),
  constraint "key_hash is a SHA-256" CHECK ((length(key_hash) = 32))
) with (fillfactor=50);

create table postrider.api_request (
  id bytea not null,
  request_hash bytea not null,
  status smallint not null,
  answer text not null,
  created_at timestamp with time zone not null default now(),
  constraint api_request_pkey PRIMARY KEY (id),
  constraint "id and request_hash are SHA-256" CHECK (((length(id) = 32) AND (length(request_hash) = 32))),
  constraint "status is one of success" CHECK (((status >= 200) AND (status <= 299)))
);

create table postrider.api_session (
  id uuid not null default postrider.uuid_v7(),
  api_key_id uuid not null,
  token_hash bytea,
  link_hash bytea,
  created_at timestamp with time zone not null default clock_timestamp(),
  expires_at timestamp with time zone not null,
  constraint api_session_pkey PRIMARY KEY (id),
  constraint api_session_link_hash_key UNIQUE (link_hash),
  constraint api_session_token_hash_key UNIQUE (token_hash),
  constraint api_session_api_key_id_fkey FOREIGN KEY (api_key_id) REFERENCES postrider.api_key(id) ON DELETE CASCADE,
  constraint "a session has a token, or a link that opens it" CHECK ((num_nonnulls(token_hash, link_hash) = 1))
);

create table postrider.audit (
  id uuid not null default postrider.uuid_v7(),
  at timestamp with time zone not null default clock_timestamp(),
  transaction_id xid8 not null default pg_current_xact_id(),
  actor text not null default SESSION_USER,
  acting_as text default NULLIF(NULLIF(current_setting('role'::text), 'none'::text), SESSION_USER),
  action text not null,
  endpoint_id uuid,
  event_id uuid,
  detail jsonb not null default '{}'::jsonb,
  before jsonb,
  after jsonb,
  on_behalf_of text default NULLIF(current_setting('postrider.on_behalf_of'::text, true), ''::text),
  constraint audit_pkey PRIMARY KEY (id)
);

create table postrider.cancellation (
  event_id uuid not null,
  endpoint_id uuid not null,
  reason text not null,
  requested_at timestamp with time zone not null default clock_timestamp(),
  constraint cancellation_pkey PRIMARY KEY (event_id, endpoint_id)
);

create table postrider.claim (
  id bigint not null generated always as identity,
  base pg_snapshot not null,
  target pg_snapshot,
  after_xid xid8,
  after_seq bigint,
  aside_xids xid8[],
  aside_seqs bigint[],
  daemon_id uuid,
  claimed_at timestamp with time zone not null default clock_timestamp(),
  event_ids uuid[] not null default '{}'::uuid[] storage external,
  endpoint_ids uuid[] not null default '{}'::uuid[] storage external,
  xid xid8 not null default pg_current_xact_id(),
  constraint claim_pkey PRIMARY KEY (id),
  constraint "a page inside a window says where it stopped" CHECK ((((target IS NULL) = (after_xid IS NULL)) AND ((target IS NULL) = (after_seq IS NULL)))),
  constraint "a transaction that is aside says where it stands" CHECK ((((aside_xids IS NULL) = (aside_seqs IS NULL)) AND (cardinality(aside_xids) = cardinality(aside_seqs)) AND (cardinality(aside_xids) > 0))),
  constraint "every event of a pair has its endpoint" CHECK ((cardinality(event_ids) = cardinality(endpoint_ids)))
);

create table postrider.claim_lock;

create table postrider.daemon (
  id uuid not null,
  host text not null,
  pid integer not null,
  version text not null,
  started_at timestamp with time zone not null default clock_timestamp(),
  beat_at timestamp with time zone not null,
  lease_expires_at timestamp with time zone not null,
  in_flight integer not null default 0,
  waiting integer not null default 0,
  condition text not null default 'well'::text,
  condition_since timestamp with time zone,
  condition_reason text,
  encryption_key_ids text[] not null default '{}'::text[],
  public_url text,
  constraint daemon_pkey PRIMARY KEY (id),
  constraint "a condition is well, not_recording, not_claiming, not_sending o" CHECK ((condition = ANY (ARRAY['well'::text, 'not_recording'::text, 'not_claiming'::text, 'not_sending'::text, 'blind'::text]))),
  constraint "a reason has at most 200 characters" CHECK ((length(condition_reason) <= 200)),
  constraint "what keeps a daemon from its work has a time and a reason" CHECK ((num_nulls(condition_since, condition_reason) =
CASE condition
    WHEN 'well'::text THEN 2
    ELSE 0
END))
) with (fillfactor=50);

create table postrider.daemon_hour_part (
  hour timestamp with time zone not null,
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
  request_ms bigint[] not null default '{}'::bigint[],
  delay_ms bigint[] not null default '{}'::bigint[],
  constraint daemon_hour_part_pkey PRIMARY KEY (hour, part_id)
);

create table postrider.daemon_minute (
  minute timestamp with time zone not null,
  part_id uuid not null default gen_random_uuid(),
  daemon_id uuid,
  request_ms_total bigint not null default 0,
  claimed integer default 0,
  succeeded_first integer not null default 0,
  succeeded_later integer not null default 0,
  failed integer not null default 0,
  exhausted integer not null default 0,
  discarded integer not null default 0,
  sent_again integer not null default 0,
  flushes integer default 0,
  in_flight_max integer default 0,
  waiting_max integer default 0,
  failures jsonb,
  request_ms integer[] not null default '{}'::integer[],
  delay_ms integer[] not null default '{}'::integer[],
  failed_again integer not null default 0,
  excused integer not null default 0,
  sent_bytes bigint default 0,
  constraint daemon_minute_pkey PRIMARY KEY (minute, part_id)
);

create table postrider.delivery (
  event_id uuid not null,
  endpoint_id uuid not null,
  created_at timestamp with time zone not null default now(),
  finished_at timestamp with time zone,
  next_attempt_at timestamp with time zone,
  lease_expires_at timestamp with time zone,
  leased_by uuid,
  attempts integer not null default 0,
  attempts_before integer not null default 0,
  first_started_at timestamp with time zone,
  first_endpoint_revision bigint,
  first_duration_ms integer,
  first_http_status smallint,
  first_requests smallint,
  first_attempt_id uuid,
  first_daemon_id uuid,
  batch_id uuid,
  state text not null,
  reason text,
  replay_id uuid,
  state_before text,
  first_response_headers json,
  first_response_body text,
  is_counted boolean,
  is_asked boolean,
  ordering_key text collate "C",
  ordering_seq bigint,
  halts boolean,
  pull_place bigint,
  constraint delivery_pkey PRIMARY KEY (event_id, endpoint_id),
  constraint "a discarded delivery has a reason" CHECK (((state <> 'discarded'::text) OR (reason IS NOT NULL))),
  constraint "a first attempt has a daemon, a start and a duration" CHECK (((first_attempt_id IS NULL) OR ((first_daemon_id IS NOT NULL) AND (first_started_at IS NOT NULL) AND (first_duration_ms IS NOT NULL)))),
  constraint "a pending delivery has a next attempt, a finished one an end" CHECK (
CASE
    WHEN (state = 'pending'::text) THEN ((next_attempt_at IS NOT NULL) AND (finished_at IS NULL))
    ELSE ((next_attempt_at IS NULL) AND (finished_at IS NOT NULL))
END),
  constraint "a place in the order has a key" CHECK (((ordering_key IS NULL) = (ordering_seq IS NULL))),
  constraint "attempts never go down" CHECK (((attempts >= attempts_before) AND (attempts_before >= 0))),
  constraint "only a pending delivery is leased" CHECK ((((leased_by IS NULL) = (lease_expires_at IS NULL)) AND ((leased_by IS NULL) OR (state = 'pending'::text)))),
  constraint "only a replayed delivery has a state before" CHECK (((state_before IS NULL) OR (replay_id IS NOT NULL))),
  constraint "state is pending, succeeded, exhausted or discarded" CHECK ((state = ANY (ARRAY['pending'::text, 'succeeded'::text, 'exhausted'::text, 'discarded'::text])))
) partition by RANGE (event_id);

create table postrider.delivery_default partition of postrider.delivery default;

create table postrider.endpoint (
  id uuid not null default postrider.uuid_v7(),
  tenant postrider.endpoint_tenant not null default ''::text,
  name postrider.endpoint_name,
  description postrider.endpoint_description,
  url postrider.endpoint_url,
  shown_url text generated always as (postrider_internal.url_without_secrets((url)::text)) stored,
  format postrider.endpoint_format not null default 'standard'::text,
  timeout_ms postrider.endpoint_timeout_ms not null default 15000,
  retry_schedule postrider.endpoint_retry_schedule not null default '{00:00:05,00:05:00,00:30:00,02:00:00,05:00:00,10:00:00,14:00:00,20:00:00,24:00:00}'::interval[],
  headers postrider.endpoint_headers not null default '{}'::jsonb,
  disable_after postrider.endpoint_disable_after default '5 days'::interval,
  state postrider.endpoint_state not null default 'active'::text,
  state_reason text,
  state_changed_at timestamp with time zone not null default clock_timestamp(),
  paused_at timestamp with time zone,
  pause_reason text,
  revision bigint not null default 1,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  signing postrider.endpoint_signing not null default 'hmac'::text,
  payload postrider.endpoint_payload,
  payload_fallback postrider.endpoint_payload_fallback not null default 'discard'::text,
  transforms boolean not null generated always as (postrider_internal.transforms((payload)::text, (headers)::jsonb)) stored,
  has_transformed boolean not null default false,
  batch_size postrider.endpoint_batch_size not null default 1,
  batch_delay_ms postrider.endpoint_batch_delay_ms not null default 1000,
  encryption_key postrider.endpoint_encryption_key,
  max_in_flight postrider.endpoint_max_in_flight,
  rate_limit postrider.endpoint_rate_limit,
  rate_burst postrider.endpoint_rate_burst,
  receiver_rate postrider.endpoint_rate_limit,
  effective_rate postrider.endpoint_rate_limit generated always as (LEAST(rate_limit, receiver_rate)) stored,
  is_limited boolean not null generated always as (((max_in_flight IS NOT NULL) OR (rate_limit IS NOT NULL) OR (receiver_rate IS NOT NULL))) stored,
  retry_on postrider.endpoint_retry_on,
  give_up_on postrider.endpoint_give_up_on not null default '{}'::text[],
  circuit_opened_at timestamp with time zone,
  auth postrider.endpoint_auth,
  client_certificate postrider.endpoint_client_certificate,
  ordered boolean not null default false,
  when_exhausted postrider.endpoint_when_exhausted not null default 'continue'::text,
  handshake boolean not null default false,
  handshake_state postrider.handshake_state,
  inline_limit postrider.endpoint_inline_limit,
  kind postrider.endpoint_kind not null default 'push'::text,
  constraint endpoint_pkey PRIMARY KEY (id),
  constraint endpoint_tenant_key UNIQUE (id, tenant),
  constraint "name is unique within its tenant" UNIQUE (tenant, name)
);

create table postrider.endpoint_failure (
  endpoint_id uuid not null,
  consecutive_failures bigint not null,
  failing_since timestamp with time zone,
  last_failure_at timestamp with time zone not null,
  last_failure_kind postrider.failure_kind not null,
  last_http_status smallint,
  last_error text,
  recovered_at timestamp with time zone,
  announced_at timestamp with time zone,
  next_probe_at timestamp with time zone,
  probe_gap interval,
  probe_event_id uuid,
  probe_until timestamp with time zone,
  constraint endpoint_failure_pkey PRIMARY KEY (endpoint_id),
  constraint "an open circuit has a gap between its probes" CHECK (((next_probe_at IS NULL) = (probe_gap IS NULL))),
  constraint "failing since a time, while failures follow each other" CHECK ((((failing_since IS NOT NULL) = (consecutive_failures > 0)) AND (consecutive_failures >= 0)))
) with (fillfactor=50);

create table postrider.endpoint_five_minutes_part (
  began_at timestamp with time zone not null,
  endpoint_id uuid not null,
  part_id uuid not null default gen_random_uuid(),
  succeeded_first integer not null default 0,
  succeeded_later integer not null default 0,
  failed integer not null default 0,
  exhausted integer not null default 0,
  discarded integer not null default 0,
  sent_again integer not null default 0,
  failures jsonb,
  request_ms integer[] not null default '{}'::integer[],
  delay_ms integer[] not null default '{}'::integer[],
  constraint endpoint_five_minutes_part_pkey PRIMARY KEY (endpoint_id, began_at, part_id)
);

create table postrider.endpoint_handshake (
  endpoint_id uuid not null,
  next_at timestamp with time zone default now(),
  asked_at timestamp with time zone,
  granted_at timestamp with time zone,
  allowed_rate integer,
  refusals integer not null default 0,
  http_status smallint,
  reason text,
  constraint endpoint_handshake_pkey PRIMARY KEY (endpoint_id),
  constraint endpoint_handshake_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES postrider.endpoint(id) ON DELETE CASCADE
);

create table postrider.endpoint_hour_part (
  hour timestamp with time zone not null,
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
  request_ms integer[] not null default '{}'::integer[],
  delay_ms integer[] not null default '{}'::integer[],
  constraint endpoint_hour_part_pkey PRIMARY KEY (endpoint_id, hour, part_id)
);

create table postrider.endpoint_minute_part (
  minute timestamp with time zone not null,
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
  request_ms integer[] not null default '{}'::integer[],
  delay_ms integer[] not null default '{}'::integer[],
  failed_again integer not null default 0,
  excused integer not null default 0,
  sent_bytes bigint default 0,
  constraint endpoint_minute_part_pkey PRIMARY KEY (endpoint_id, minute, part_id)
) partition by RANGE (minute);

create table postrider.endpoint_minute_part_default partition of postrider.endpoint_minute_part default;

create table postrider.endpoint_pace (
  endpoint_id uuid not null,
  spent_until timestamp with time zone not null default now(),
  unsettled_since timestamp with time zone,
  constraint endpoint_pace_pkey PRIMARY KEY (endpoint_id),
  constraint endpoint_pace_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES postrider.endpoint(id) ON DELETE CASCADE
) with (fillfactor=20);

create table postrider.endpoint_secret (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  secret postrider.endpoint_secret_text,
  created_at timestamp with time zone not null default clock_timestamp(),
  expires_at timestamp with time zone,
  kind postrider.secret_kind not null default 'hmac'::text,
  public_key postrider.signing_public_key,
  credential_hash bytea,
  constraint endpoint_secret_pkey PRIMARY KEY (id),
  constraint endpoint_secret_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES postrider.endpoint(id) ON DELETE CASCADE
);

create table postrider.erasure (
  tenant text not null,
  after_event uuid not null default '00000000-0000-0000-0000-000000000000'::uuid,
  events bigint not null default 0,
  requested_at timestamp with time zone not null default clock_timestamp(),
  requested_by text not null default SESSION_USER,
  constraint erasure_pkey PRIMARY KEY (tenant)
);

create table postrider.event_type (
  name text not null,
  description text,
  json_schema jsonb,
  enforce boolean not null default false,
  deprecated boolean not null default false,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  checks jsonb,
  predicate jsonpath,
  value_steps bigint,
  object_steps bigint,
  byte_steps bigint,
  constraint event_type_pkey PRIMARY KEY (name),
  constraint "description has at most 10000 characters" CHECK ((length(description) <= 10000)),
  constraint "name is words of letters, digits, _-/: joined by dots" CHECK (((name ~ '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*$'::text) AND (length(name) <= 255))),
  constraint "only what has a schema is enforced" CHECK (((NOT enforce) OR (json_schema IS NOT NULL))),
  constraint "types that begin with postrider. are Postrider's own" CHECK ((name !~ '^postrider\.'::text))
);

create table postrider.event_type_policy (
  only_row boolean not null default true,
  unknown_types text not null default 'allowed'::text,
  changed_at timestamp with time zone not null default clock_timestamp(),
  constraint event_type_policy_pkey PRIMARY KEY (only_row),
  constraint "there is one row" CHECK (only_row),
  constraint "unknown_types is allowed or refused" CHECK ((unknown_types = ANY (ARRAY['allowed'::text, 'refused'::text])))
);

create table postrider.hour_cursor (
  is_row boolean not null default true,
  made_until timestamp with time zone,
  constraint hour_cursor_pkey PRIMARY KEY (is_row),
  constraint "there is one row" CHECK (is_row)
);

create table postrider.idempotency_key (
  tenant text not null,
  idempotency_key text not null,
  event_id uuid not null,
  constraint idempotency_key_pkey PRIMARY KEY (tenant, idempotency_key)
);

create table postrider.ingest (
  name text not null,
  role_name text not null default SESSION_USER,
  path text,
  run_id uuid not null,
  batch bigint not null default 0,
  file_id text,
  file_modified_ns bigint,
  fingerprint text,
  byte_offset bigint not null default 0,
  line_number bigint not null default 0,
  lines bigint not null default 0,
  events bigint not null default 0,
  unmatched bigint not null default 0,
  refused bigint not null default 0,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  file_born_ns bigint,
  passed_born_ns bigint,
  known_files jsonb not null default '[]'::jsonb,
  constraint ingest_pkey PRIMARY KEY (name),
  constraint "name has 1 to 1024 characters" CHECK (((length(name) >= 1) AND (length(name) <= 1024))),
  constraint "nothing is counted below 0" CHECK ((LEAST(batch, file_modified_ns, byte_offset, line_number, lines, events, unmatched, refused) >= 0))
) with (fillfactor=50);

create table postrider.objective (
  id uuid not null default postrider.uuid_v7(),
  tenant text,
  endpoint_id uuid,
  target postrider.objective_target not null default 0.999,
  within postrider.objective_bound not null default '00:01:00'::interval,
  constraint objective_pkey PRIMARY KEY (id),
  constraint "there is one objective for each endpoint, each tenant, and all" UNIQUE NULLS NOT DISTINCT (tenant, endpoint_id),
  constraint objective_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES postrider.endpoint(id) ON DELETE CASCADE,
  constraint "an objective is for a tenant or for an endpoint" CHECK ((num_nonnulls(tenant, endpoint_id) < 2))
);

create table postrider.ordered_walk (
  endpoint_id uuid not null,
  after_key text collate "C",
  constraint ordered_walk_pkey PRIMARY KEY (endpoint_id)
);

create table postrider.other_attempt (
  event_id uuid not null,
  endpoint_id uuid not null,
  id uuid not null,
  daemon_id uuid not null,
  started_at timestamp with time zone not null,
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
  constraint other_attempt_pkey PRIMARY KEY (event_id, endpoint_id, id),
  constraint "an attempt that failed says how" CHECK (((failure_kind IS NULL) OR (error IS NOT NULL))),
  constraint "attempts are numbered from 1" CHECK ((attempt_number >= 1))
) partition by RANGE (event_id);

create table postrider.other_attempt_default partition of postrider.other_attempt default;

create table postrider.outbox (
  id uuid not null default postrider.uuid_v7(),
  xid xid8 not null default pg_current_xact_id(),
  seq bigint not null generated always as identity,
  created_at timestamp with time zone not null default clock_timestamp(),
  deliver_at timestamp with time zone,
  event_type text not null,
  tenant text not null default ''::text,
  ordering_key text,
  idempotency_key text,
  attributes jsonb,
  payload json not null,
  test_endpoint_id uuid,
  erased_at timestamp with time zone,
  constraint outbox_pkey PRIMARY KEY (id)
) partition by RANGE (id);

create table postrider.outbox_default partition of postrider.outbox default;

create table postrider.portal_token (
  id uuid not null default postrider.uuid_v7(),
  tenant postrider.endpoint_tenant not null,
  subject postrider.portal_subject,
  capabilities postrider.portal_capabilities not null,
  token_hash bytea not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  created_by text not null default SESSION_USER,
  expires_at timestamp with time zone not null,
  constraint portal_token_pkey PRIMARY KEY (id),
  constraint portal_token_token_hash_key UNIQUE (token_hash),
  constraint "a token lasts for an hour at most" CHECK ((expires_at <= (created_at + '01:00:00'::interval))),
  constraint "token_hash is a SHA-256" CHECK ((length(token_hash) = 32))
);

create table postrider.pull_position (
  endpoint_id uuid not null,
  last_place bigint not null default 0,
  acknowledged_place bigint not null default 0,
  gone_place bigint not null default 0,
  server text,
  cursor_key bytea not null default ((uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || uuid_send(gen_random_uuid())),
  given_at timestamp with time zone,
  acknowledged_at timestamp with time zone,
  constraint pull_position_pkey PRIMARY KEY (endpoint_id),
  constraint pull_position_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES postrider.endpoint(id) ON DELETE CASCADE
) with (fillfactor=20);

create table postrider.pull_token (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  token_hash bytea not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  expires_at timestamp with time zone,
  constraint pull_token_pkey PRIMARY KEY (id),
  constraint pull_token_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES postrider.endpoint(id) ON DELETE CASCADE,
  constraint "token_hash is a SHA-256" CHECK ((length(token_hash) = 32))
);

create table postrider.replay (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  since timestamp with time zone not null,
  until timestamp with time zone not null,
  event_type text not null,
  states text[] not null,
  state text not null default 'preparing'::text,
  reason text,
  events bigint not null default 0,
  after_event uuid not null,
  prepared bigint not null default 0,
  left_alone bigint not null default 0,
  exhausted bigint not null default 0,
  discarded bigint not null default 0,
  restored bigint not null default 0,
  pace integer not null default 16,
  created_at timestamp with time zone not null default clock_timestamp(),
  progressed_at timestamp with time zone not null default clock_timestamp(),
  next_step_at timestamp with time zone not null default clock_timestamp(),
  finished_at timestamp with time zone,
  requested_by text not null default SESSION_USER,
  constraint replay_pkey PRIMARY KEY (id),
  constraint "a cancelled replay has a reason" CHECK (((state <> 'cancelled'::text) OR (reason IS NOT NULL))),
  constraint "a replay begins before it ends" CHECK ((since < until)),
  constraint "a replay is finished when it is done, and not before it is done" CHECK (
CASE state
    WHEN 'done'::text THEN (finished_at IS NOT NULL)
    WHEN 'cancelled'::text THEN true
    ELSE (finished_at IS NULL)
END),
  constraint "a replay is preparing, delivering, done or cancelled" CHECK ((state = ANY (ARRAY['preparing'::text, 'delivering'::text, 'done'::text, 'cancelled'::text])))
) with (fillfactor=50);

create table postrider.replay_failure (
  replay_id uuid not null,
  state text not null,
  constraint "a replayed delivery fails as exhausted or discarded" CHECK ((state = ANY (ARRAY['exhausted'::text, 'discarded'::text])))
);

create table postrider.retention (
  is_row boolean not null default true,
  period interval,
  changed_at timestamp with time zone not null default clock_timestamp(),
  changed_by text not null default SESSION_USER,
  hours_period interval not null default '400 days'::interval,
  constraint retention_pkey PRIMARY KEY (is_row),
  constraint "events are kept for 1 day to 100 years" CHECK (((period >= '1 day'::interval) AND (period <= '100 years'::interval))),
  constraint "hours are kept for 1 day to 100 years" CHECK (((hours_period >= '1 day'::interval) AND (hours_period <= '100 years'::interval))),
  constraint "there is one row" CHECK (is_row)
);

create table postrider.schema_migration (
  version integer not null,
  name text not null,
  sha256 text not null,
  breaking boolean not null,
  applied_at timestamp with time zone not null default now(),
  applied_by text not null default SESSION_USER,
  postrider_version text not null,
  duration_ms integer not null,
  constraint schema_migration_pkey PRIMARY KEY (version),
  constraint "duration_ms is not negative" CHECK ((duration_ms >= 0)),
  constraint "sha256 is 64 hexadecimal digits" CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
  constraint "version is above 0" CHECK ((version > 0))
);

create table postrider.schema_object (
  name text not null,
  sha256 text not null,
  grants text,
  triggers text not null,
  fingerprint text not null,
  server_major integer not null,
  installed_at timestamp with time zone not null default now(),
  installed_by text not null default SESSION_USER,
  postrider_version text not null,
  constraint schema_object_pkey PRIMARY KEY (name),
  constraint "sha256 is 64 hexadecimal digits" CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);

create table postrider.sending (
  is_row boolean not null default true,
  is_on boolean not null default true,
  reason text,
  changed_at timestamp with time zone not null default clock_timestamp(),
  changed_by text not null default SESSION_USER,
  is_guarded boolean not null default true,
  system_identifier bigint,
  database_oid oid,
  home_since timestamp with time zone,
  constraint sending_pkey PRIMARY KEY (is_row),
  constraint "a guarded home is one of a cluster" CHECK (((system_identifier IS NOT NULL) = (is_guarded AND (database_oid IS NOT NULL)))),
  constraint "a home is a database, since a time" CHECK (((database_oid IS NULL) = (home_since IS NULL))),
  constraint "there is one row" CHECK (is_row)
);

create unlogged table postrider.server_epoch (
  is_row boolean not null default true,
  id uuid not null default gen_random_uuid(),
  since timestamp with time zone not null default clock_timestamp(),
  constraint server_epoch_pkey PRIMARY KEY (is_row),
  constraint "there is one epoch" CHECK (is_row)
);

create table postrider.subscription (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  tenant postrider.endpoint_tenant not null,
  event_type postrider.event_type_pattern not null,
  filter jsonpath,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint subscription_pkey PRIMARY KEY (id),
  constraint subscription_endpoint_id_fkey FOREIGN KEY (endpoint_id, tenant) REFERENCES postrider.endpoint(id, tenant) ON UPDATE CASCADE ON DELETE CASCADE
);

create table postrider.transformation (
  event_id uuid not null,
  endpoint_id uuid not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  endpoint_revision bigint not null,
  problem text,
  headers jsonb,
  payload json,
  constraint transformation_pkey PRIMARY KEY (event_id, endpoint_id),
  constraint "what could not be applied made nothing" CHECK (((problem IS NULL) OR ((payload IS NULL) AND (headers IS NULL))))
) partition by RANGE (event_id);

create table postrider.transformation_default partition of postrider.transformation default;

create table postrider.unmatched_hour (
  hour timestamp with time zone not null,
  events bigint not null,
  event_type text not null,
  tenant text not null,
  constraint unmatched_hour_pkey PRIMARY KEY (hour, tenant, event_type)
);

create table postrider.unmatched_minute_part (
  minute timestamp with time zone not null,
  part_id uuid not null default gen_random_uuid(),
  events integer not null,
  event_type text not null,
  tenant text not null,
  constraint unmatched_minute_part_pkey PRIMARY KEY (minute, part_id)
) partition by RANGE (minute);

create table postrider.unmatched_minute_part_default partition of postrider.unmatched_minute_part default;

-- Indexes that no constraint brings along

CREATE INDEX api_request_created_at ON postrider.api_request USING btree (created_at);

CREATE INDEX api_session_api_key_id ON postrider.api_session USING btree (api_key_id);

CREATE INDEX audit_endpoint_id ON postrider.audit USING btree (endpoint_id, at);

CREATE INDEX audit_event_id ON postrider.audit USING btree (event_id) WHERE (event_id IS NOT NULL);

CREATE INDEX delivery_batch ON ONLY postrider.delivery USING btree (batch_id) WHERE ((batch_id IS NOT NULL) AND (state = 'pending'::text));

CREATE INDEX delivery_counted ON ONLY postrider.delivery USING btree (endpoint_id, lease_expires_at) WHERE (is_counted AND (lease_expires_at IS NOT NULL));

CREATE INDEX delivery_due ON ONLY postrider.delivery USING btree (endpoint_id, next_attempt_at) WHERE ((state = 'pending'::text) AND (ordering_seq IS NULL));

CREATE INDEX delivery_halted ON ONLY postrider.delivery USING btree (endpoint_id, ordering_key) WHERE ((ordering_seq IS NOT NULL) AND (state = 'exhausted'::text) AND halts);

CREATE INDEX delivery_leased ON ONLY postrider.delivery USING btree (lease_expires_at) WHERE (lease_expires_at IS NOT NULL);

CREATE INDEX delivery_oldest ON ONLY postrider.delivery USING btree (endpoint_id, event_id) WHERE (finished_at IS NULL);

CREATE INDEX delivery_order ON ONLY postrider.delivery USING btree (endpoint_id, ordering_key, ((leased_by IS NULL)), ordering_seq) WHERE ((ordering_seq IS NOT NULL) AND ((state = 'pending'::text) OR ((state = 'exhausted'::text) AND halts)));

CREATE INDEX delivery_pulled ON ONLY postrider.delivery USING btree (endpoint_id, pull_place) WHERE (pull_place IS NOT NULL);

CREATE INDEX delivery_replay ON ONLY postrider.delivery USING btree (replay_id) WHERE ((replay_id IS NOT NULL) AND (state = 'pending'::text));

CREATE INDEX delivery_troubled ON ONLY postrider.delivery USING btree (event_id, endpoint_id) WHERE ((state = ANY (ARRAY['exhausted'::text, 'discarded'::text])) OR (attempts > 1));

CREATE INDEX delivery_undelivered ON ONLY postrider.delivery USING btree (endpoint_id, event_id) WHERE (state = ANY (ARRAY['exhausted'::text, 'discarded'::text]));

CREATE INDEX endpoint_handshake_next ON postrider.endpoint_handshake USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX endpoint_hour_part_hour ON postrider.endpoint_hour_part USING brin (hour) WITH (pages_per_range='16', autosummarize='on');

CREATE INDEX endpoint_minute_part_minute ON ONLY postrider.endpoint_minute_part USING brin (minute) WITH (pages_per_range='16', autosummarize='on');

CREATE INDEX endpoint_ordered ON postrider.endpoint USING btree (id) WHERE ordered;

CREATE UNIQUE INDEX endpoint_secret_credential ON postrider.endpoint_secret USING btree (endpoint_id, kind) WHERE ((kind)::text <> ALL (ARRAY['hmac'::text, 'ed25519'::text]));

CREATE INDEX endpoint_secret_endpoint_id ON postrider.endpoint_secret USING btree (endpoint_id);

CREATE INDEX endpoint_secret_unsealed ON postrider.endpoint_secret USING btree (id) WHERE ((secret)::text !~ '^sealed:'::text);

CREATE INDEX endpoint_secret_wanted ON postrider.endpoint_secret USING btree (id) WHERE (secret IS NULL);

CREATE INDEX idempotency_key_event_id ON postrider.idempotency_key USING btree (event_id);

CREATE INDEX objective_endpoint_id ON postrider.objective USING btree (endpoint_id);

CREATE INDEX other_attempt_batch ON ONLY postrider.other_attempt USING btree (batch_id) WHERE (batch_id IS NOT NULL);

CREATE INDEX other_attempt_started ON ONLY postrider.other_attempt USING btree (started_at);

CREATE INDEX outbox_window ON ONLY postrider.outbox USING btree (xid, seq);

CREATE INDEX portal_token_expires_at ON postrider.portal_token USING btree (expires_at);

CREATE INDEX portal_token_tenant ON postrider.portal_token USING btree (tenant);

CREATE INDEX pull_token_endpoint_id ON postrider.pull_token USING btree (endpoint_id);

CREATE INDEX replay_endpoint_id ON postrider.replay USING btree (endpoint_id);

CREATE INDEX replay_failure_replay_id ON postrider.replay_failure USING btree (replay_id);

CREATE INDEX replay_unfinished ON postrider.replay USING btree (id) WHERE (finished_at IS NULL);

CREATE INDEX subscription_endpoint_id ON postrider.subscription USING btree (endpoint_id);

CREATE INDEX subscription_match ON postrider.subscription USING btree (tenant, event_type);

-- Views

create view postrider.attempt (event_id uuid, endpoint_id uuid, id uuid, daemon_id uuid, started_at timestamp with time zone, attempt_number integer, duration_ms integer, http_status smallint, failure_kind postrider.failure_kind, error text, response_headers json, response_body text, requests smallint, endpoint_revision bigint, batch_id uuid);

create view postrider.backlog (endpoint_id uuid, tenant text, name text, url text, endpoint_state text, pending bigint, due bigint, oldest_at timestamp with time zone, oldest_age interval, is_exact boolean);

create view postrider.capture_status (table_name regclass, event_type text, operations text[], condition text, payload text, ordering_key text, tenant text, function_name regprocedure, runs_as regrole, problem text);

create view postrider.daemon_status (id uuid, host text, pid integer, version text, state text, condition text, condition_since timestamp with time zone, condition_reason text, started_at timestamp with time zone, beat_at timestamp with time zone, lease_expires_at timestamp with time zone, in_flight integer, waiting integer, claims bigint);

create view postrider.delivery_status (event_id uuid, endpoint_id uuid, name postrider.endpoint_name, url text, event_type text, tenant text, state text, detail text, reason text, attempts integer, last_http_status integer, last_error text, next_attempt_at timestamp with time zone, created_at timestamp with time zone, finished_at timestamp with time zone, format text, transformation text, batch_id uuid, behind_event_id uuid, halts_key boolean, is_thin boolean);

create view postrider.endpoint_health (endpoint_id uuid, name postrider.endpoint_name, url text, tenant postrider.endpoint_tenant, state postrider.endpoint_state, state_reason text, is_failing boolean, failing_since timestamp with time zone, consecutive_failures bigint, last_failure_at timestamp with time zone, last_failure_kind postrider.failure_kind, last_http_status smallint, last_error text, recovered_at timestamp with time zone, exhausted bigint, p50_ms integer, p95_ms integer, disabled_from timestamp with time zone, circuit text, circuit_opened_at timestamp with time zone, next_probe_at timestamp with time zone, halted_keys bigint, halted_since timestamp with time zone, certificate_expires_at timestamp with time zone);

create view postrider.endpoint_hour (hour timestamp with time zone, endpoint_id uuid, tenant postrider.endpoint_tenant, name postrider.endpoint_name, url text, succeeded_first bigint, succeeded_later bigint, failed bigint, exhausted bigint, discarded bigint, sent_again bigint, failures jsonb, request_ms integer[], request_ms_total bigint, delay_ms integer[], failed_again bigint, excused bigint, sent_bytes bigint);

create view postrider.endpoint_minute (minute timestamp with time zone, endpoint_id uuid, tenant postrider.endpoint_tenant, name postrider.endpoint_name, url text, succeeded_first bigint, succeeded_later bigint, failed bigint, exhausted bigint, discarded bigint, sent_again bigint, failures jsonb, request_ms integer[], request_ms_total bigint, delay_ms integer[], failed_again bigint, excused bigint, sent_bytes bigint);

create view postrider.halted_key (endpoint_id uuid, tenant postrider.endpoint_tenant, name postrider.endpoint_name, url text, ordering_key text, event_id uuid, event_type text, halted_at timestamp with time zone, waiting bigint);

create view postrider.in_flight (event_id uuid, endpoint_id uuid, name postrider.endpoint_name, url text, attempt_number integer, daemon_id uuid, since timestamp with time zone, lease_expires_at timestamp with time zone, batch_id uuid);

create view postrider.ingest_position (name text, role_name text, path text, run_id uuid, batch bigint, file_id text, file_modified_ns bigint, fingerprint text, byte_offset bigint, line_number bigint, lines bigint, events bigint, unmatched bigint, refused bigint, created_at timestamp with time zone, updated_at timestamp with time zone, file_born_ns bigint, passed_born_ns bigint, known_files jsonb) with (security_barrier=true);

create view postrider.portal_answer (event_id uuid, endpoint_id uuid, id uuid, attempt_number integer, started_at timestamp with time zone, http_status smallint, response_headers json, response_body text) with (security_barrier=true);

create view postrider.portal_attempt (event_id uuid, endpoint_id uuid, id uuid, attempt_number integer, started_at timestamp with time zone, duration_ms integer, http_status smallint, failure_kind postrider.failure_kind, error text) with (security_barrier=true);

create view postrider.portal_endpoint (id uuid, name postrider.endpoint_name, description postrider.endpoint_description, url text, url_is_whole boolean, kind postrider.endpoint_kind, format postrider.endpoint_format, signing postrider.endpoint_signing, header_names text[], event_types text[], timeout_ms postrider.endpoint_timeout_ms, retry_schedule postrider.endpoint_retry_schedule, disable_after postrider.endpoint_disable_after, state postrider.endpoint_state, state_reason text, state_changed_at timestamp with time zone, is_failing boolean, failing_since timestamp with time zone, consecutive_failures bigint, last_failure_at timestamp with time zone, last_failure_kind postrider.failure_kind, last_http_status smallint, last_error text, recovered_at timestamp with time zone, disabled_from timestamp with time zone, circuit_opened_at timestamp with time zone, next_probe_at timestamp with time zone, revision bigint, created_at timestamp with time zone, updated_at timestamp with time zone) with (security_barrier=true);

create view postrider.portal_event (id uuid, event_type text, ordering_key text, created_at timestamp with time zone, deliver_at timestamp with time zone, erased_at timestamp with time zone, is_test boolean) with (security_barrier=true);

create view postrider.portal_event_type (name text, description text, json_schema jsonb, deprecated boolean) with (security_barrier=true);

create view postrider.portal_five_minutes (began_at timestamp with time zone, endpoint_id uuid, succeeded_first integer, succeeded_later integer, failed integer, exhausted integer, discarded integer, sent_again integer, failures jsonb, request_ms integer[]) with (security_barrier=true);

create view postrider.portal_hour (hour timestamp with time zone, endpoint_id uuid, succeeded_first bigint, succeeded_later bigint, failed bigint, exhausted bigint, discarded bigint, sent_again bigint, failures jsonb, request_ms integer[]) with (security_barrier=true);

create view postrider.portal_minute (minute timestamp with time zone, endpoint_id uuid, succeeded_first integer, succeeded_later integer, failed integer, exhausted integer, discarded integer, sent_again integer, failures jsonb, request_ms integer[]) with (security_barrier=true);

create view postrider.portal_payload (id uuid, payload json) with (security_barrier=true);

create view postrider.portal_replay (replay_id uuid, endpoint_id uuid, name postrider.endpoint_name, state text, since timestamp with time zone, until timestamp with time zone, event_type text, states text[], events bigint, prepared bigint, left_alone bigint, pending bigint, succeeded bigint, exhausted bigint, discarded bigint, restored bigint, created_at timestamp with time zone, progressed_at timestamp with time zone, finished_at timestamp with time zone) with (security_barrier=true);

create view postrider.portal_secret (id uuid, endpoint_id uuid, kind postrider.secret_kind, public_key postrider.signing_public_key, created_at timestamp with time zone, expires_at timestamp with time zone) with (security_barrier=true);

create view postrider.portal_subscription (id uuid, endpoint_id uuid, event_type postrider.event_type_pattern, filter jsonpath, created_at timestamp with time zone) with (security_barrier=true);

create view postrider.pull_status (endpoint_id uuid, tenant postrider.endpoint_tenant, name postrider.endpoint_name, state postrider.endpoint_state, given_at timestamp with time zone, acknowledged_at timestamp with time zone, unacknowledged bigint, tokens bigint);

create view postrider.replay_status (replay_id uuid, endpoint_id uuid, name postrider.endpoint_name, url text, endpoint_state text, state text, reason text, since timestamp with time zone, until timestamp with time zone, event_type text, states text[], events bigint, prepared bigint, left_alone bigint, pending bigint, succeeded bigint, exhausted bigint, discarded bigint, restored bigint, created_at timestamp with time zone, progressed_at timestamp with time zone, finished_at timestamp with time zone, requested_by text);

create view postrider.undelivered (endpoint_id uuid, tenant postrider.endpoint_tenant, name postrider.endpoint_name, url text, endpoint_state text, exhausted bigint, discarded bigint, is_exact boolean);

create view postrider.unmatched_minute (minute timestamp with time zone, tenant text, event_type text, events bigint);

-- Functions

create function postrider.adopt(dry_run boolean DEFAULT false) returns TABLE(outcome text, problem text, events bigint, unclaimed bigint, moved bigint, in_hand bigint, pending bigint) security definer;

create function postrider.allow_unknown_event_types(reason text DEFAULT NULL::text) returns void security definer;

create function postrider.cancel(event_id uuid, endpoint_id uuid, reason text DEFAULT NULL::text) returns text security definer;

create function postrider.cancel_replay(replay_id uuid, reason text DEFAULT NULL::text) returns void security definer;

create function postrider.capture(table_name regclass, event_type text, operations text[] DEFAULT '{insert,update,delete}'::text[], condition text DEFAULT NULL::text, payload text DEFAULT NULL::text, ordering_key text DEFAULT NULL::text, tenant text DEFAULT NULL::text) returns void;

create function postrider.chart(since timestamp with time zone DEFAULT NULL::timestamp with time zone, step interval DEFAULT NULL::interval, endpoint_id uuid DEFAULT NULL::uuid, tenant text DEFAULT NULL::text) returns TABLE(at timestamp with time zone, length interval, claimed bigint, succeeded_first bigint, succeeded_later bigint, failed bigint, exhausted bigint, discarded bigint, sent_again bigint, failures jsonb, request_ms bigint[], delay_ms bigint[]);

create function postrider.copy_problem() returns text security definer;

create function postrider.count_unmatched(since timestamp with time zone) returns TABLE(tenant text, event_type text, events bigint, last_seen_at timestamp with time zone);

create function postrider.create_api_key(name text, scopes text[] DEFAULT '{read}'::text[], expires_at timestamp with time zone DEFAULT NULL::timestamp with time zone) returns text security definer;

create function postrider.create_api_link(key_id uuid, valid_for interval DEFAULT '00:10:00'::interval) returns text security definer;

create function postrider.create_endpoint(url text, event_types text[] DEFAULT '{*}'::text[], tenant text DEFAULT ''::text, options jsonb DEFAULT '{}'::jsonb, OUT endpoint_id uuid, OUT secret text) returns record security definer;

create function postrider.create_portal_token(tenant text, capabilities text[] DEFAULT '{endpoints:read,attempts:read}'::text[], ttl interval DEFAULT '00:15:00'::interval, subject text DEFAULT NULL::text, OUT token text, OUT expires_at timestamp with time zone) returns record security definer;

create function postrider.create_pull_token(endpoint_id uuid, overlap interval DEFAULT '24:00:00'::interval) returns text security definer;

create function postrider.define_event_type(name text, description text DEFAULT NULL::text, json_schema jsonb DEFAULT NULL::jsonb, enforce boolean DEFAULT false, deprecated boolean DEFAULT false) returns void security definer;

create function postrider.delay_ms_bounds() returns integer[];

create function postrider.delete_endpoint(id uuid, reason text DEFAULT NULL::text, dry_run boolean DEFAULT false, OUT name text, OUT url text, OUT pending bigint, OUT is_exact boolean, OUT in_flight bigint, OUT subscriptions bigint, OUT replays bigint) returns record security definer;

create function postrider.disable_endpoint(id uuid, reason text DEFAULT NULL::text) returns void security definer;

create function postrider.drop_event_type(name text, reason text DEFAULT NULL::text) returns void security definer;

create function postrider.drop_objective(endpoint_id uuid DEFAULT NULL::uuid, tenant text DEFAULT NULL::text, reason text DEFAULT NULL::text) returns boolean security definer;

create function postrider.enable_endpoint(id uuid) returns void security definer;

create function postrider.endpoint_id(name text, tenant text DEFAULT ''::text) returns uuid security definer;

create function postrider.erase_event(event_id uuid, reason text DEFAULT NULL::text, OUT discarded bigint, OUT in_flight bigint) returns record security definer;

create function postrider.erase_tenant(tenant text, reason text DEFAULT NULL::text, OUT erased bigint, OUT is_finished boolean) returns record security definer;

create function postrider.explain_event(event_id uuid) returns TABLE(endpoint_id uuid, name text, url text, endpoint_state text, outcome text, explanation text, would_match_now boolean, now_explanation text) security definer;

create function postrider.forget_ingest(name text) returns void security definer;

create function postrider.grant_roles() returns TABLE(role_name text, outcome text);

create function postrider.judge_objective(endpoint_id uuid DEFAULT NULL::uuid, tenant text DEFAULT NULL::text) returns TABLE(target numeric, within interval, set_for text, in_time double precision, budget_left double precision, good bigint, bad bigint, overdue bigint, is_exact boolean, left_out bigint, burn_5m double precision, burn_30m double precision, burn_1h double precision, burn_6h double precision, is_burning boolean);

create function postrider.maintain(now timestamp with time zone DEFAULT NULL::timestamp with time zone) returns TABLE(outcome text, subject text) security definer;

create function postrider.pause_endpoint(id uuid, reason text DEFAULT NULL::text) returns void security definer;

create function postrider.percentile(counts bigint[], bounds integer[], fraction double precision, interpolate boolean DEFAULT true) returns double precision;

create function postrider.prepare_restore(records boolean DEFAULT false) returns void security definer;

create function postrider.preview_transformation(endpoint_id uuid, event_id uuid, OUT outcome text, OUT payload json, OUT headers jsonb, OUT problem text) returns record security definer;

create function postrider.publish(event_type text, payload json, tenant text DEFAULT ''::text, ordering_key text DEFAULT NULL::text, deliver_at timestamp with time zone DEFAULT NULL::timestamp with time zone, idempotency_key text DEFAULT NULL::text, attributes jsonb DEFAULT NULL::jsonb) returns uuid security definer;

create function postrider.publish_events(events json) returns TABLE(id uuid);

create function postrider.rebuild_minutes(since timestamp with time zone, OUT minutes bigint, OUT attempts bigint) returns record security definer;

create function postrider.redeliver(event_id uuid, endpoint_id uuid) returns integer security definer;

create function postrider.refuse_unknown_event_types(reason text DEFAULT NULL::text) returns void security definer;

create function postrider.replay(endpoint_id uuid, since timestamp with time zone, until timestamp with time zone DEFAULT now(), event_type text DEFAULT '*'::text, states text[] DEFAULT '{exhausted,discarded,unmatched}'::text[], dry_run boolean DEFAULT false, OUT replay_id uuid, OUT events bigint) returns record security definer;

create function postrider.request_handshake(endpoint_id uuid) returns void security definer;

create function postrider.request_ms_bounds() returns integer[];

create function postrider.reschedule(event_id uuid, at timestamp with time zone) returns timestamp with time zone security definer;

create function postrider.resume_endpoint(id uuid) returns void security definer;

create function postrider.revoke_api_key(key_id uuid, reason text DEFAULT NULL::text) returns void security definer;

create function postrider.revoke_portal_tokens(tenant text, subject text DEFAULT NULL::text, reason text DEFAULT NULL::text) returns integer security definer;

create function postrider.revoke_pull_token(token_id uuid, reason text DEFAULT NULL::text) returns void security definer;

create function postrider.rotate_secret(endpoint_id uuid, overlap interval DEFAULT '24:00:00'::interval) returns text security definer;

create function postrider.send_test_event(endpoint_id uuid, event_type text DEFAULT 'postrider.test'::text, payload json DEFAULT '{"test": true}'::json) returns uuid security definer;

create function postrider.set_objective(target numeric DEFAULT 0.999, within interval DEFAULT '00:01:00'::interval, endpoint_id uuid DEFAULT NULL::uuid, tenant text DEFAULT NULL::text, reason text DEFAULT NULL::text) returns void security definer;

create function postrider.skip(event_id uuid, endpoint_id uuid, reason text DEFAULT NULL::text) returns text security definer;

create function postrider.subscribe(endpoint_id uuid, event_type text, filter text DEFAULT NULL::text) returns uuid security definer;

create function postrider.uncapture(table_name regclass, event_type text) returns void;

create function postrider.unsubscribe(subscription_id uuid, reason text DEFAULT NULL::text) returns void security definer;

create function postrider.uuid_v7() returns uuid;

create function postrider.uuid_v7_floor(at timestamp with time zone) returns uuid;

create function postrider.uuid_v7_time(id uuid) returns timestamp with time zone;

create function postrider_internal.acknowledge_pulled(listener_id uuid, endpoint_id uuid, revision bigint, after_place bigint, until_place bigint, given_at timestamp with time zone) returns integer;

create function postrider_internal.add_to_hours(minute timestamp with time zone, part_id uuid) returns void;

create function postrider_internal.advance_pull(listener_id uuid, endpoint_id uuid, revision bigint, after_place bigint, wanted integer) returns boolean;

create function postrider_internal.anchor_pointer(root jsonb, anchor text, pointer text) returns text;

create function postrider_internal.append_minutes(daemon_id uuid, part_id uuid, minute_ms double precision, endpoints json, total json) returns void security definer;

create function postrider_internal.apply_endpoint(declared jsonb, defaults jsonb) returns TABLE(part text, before jsonb, after jsonb, note text);

create function postrider_internal.apply_entry(list_name text, declared jsonb, defaults jsonb) returns TABLE(part text, before jsonb, after jsonb, note text);

create function postrider_internal.apply_event_type(declared jsonb) returns TABLE(part text, before jsonb, after jsonb);

create function postrider_internal.apply_file(declared jsonb) returns TABLE(place text[], part text, before jsonb, after jsonb, note text, problem text, advice text) security definer;

create function postrider_internal.apply_state(endpoint_id uuid, state text, reason text) returns TABLE(before jsonb, after jsonb, note text);

create function postrider_internal.apply_subscriptions(endpoint_id uuid, declared jsonb) returns TABLE(before jsonb, after jsonb);

create function postrider_internal.are_columns(one anyelement, names text[]) returns boolean;

create function postrider_internal.are_headers(headers jsonb) returns boolean;

create function postrider_internal.are_retry_waits(waits interval[]) returns boolean;

create function postrider_internal.are_statuses(statuses text[]) returns boolean;

create function postrider_internal.array_predicate(checks jsonb, place text) returns text;

create function postrider_internal.asked_time(endpoint_id uuid, due_at timestamp with time zone) returns timestamp with time zone;

create function postrider_internal.attach_partition(parent text, day date, with_strays boolean DEFAULT false) returns void;

create function postrider_internal.audited(value anyelement) returns jsonb;

create function postrider_internal.auth_members() returns TABLE(type text, name text, is_secret boolean, is_required boolean);

create function postrider_internal.base64url_bytes(value jsonb) returns bytea;

create function postrider_internal.batch_due(endpoint_id uuid, batch_delay_ms integer) returns timestamp with time zone;

create function postrider_internal.batch_id(endpoint_id uuid, event_ids uuid[]) returns uuid;

create function postrider_internal.beat(daemon_id uuid, host text, pid integer, version text, lease_ms integer, in_flight integer, waiting integer, condition text DEFAULT 'well'::text, condition_ms integer DEFAULT NULL::integer, condition_reason text DEFAULT NULL::text, is_renewal boolean DEFAULT false, encryption_key_ids text[] DEFAULT '{}'::text[], public_url text DEFAULT NULL::text) returns boolean security definer;

create function postrider_internal.begin_action(action text, endpoint_id uuid, detail jsonb) returns void;

create function postrider_internal.begin_api_request(request_id bytea, given_hash bytea, OUT state text, OUT status smallint, OUT answer text) returns record security definer;

create function postrider_internal.begin_claim() returns boolean;

create function postrider_internal.begin_epoch() returns uuid;

create function postrider_internal.blank_answers(event_ids uuid[]) returns void;

create function postrider_internal.branches_predicate(keyword text, branches jsonb, place text) returns text;

create function postrider_internal.branches_problem(keyword text, branches jsonb, value jsonb, pointer text, INOUT steps_left integer, OUT problem text) returns record;

create function postrider_internal.burn_rate(good numeric, bad numeric, overdue bigint, target numeric) returns double precision;

create function postrider_internal.can_be_read(event_id uuid) returns boolean;

create function postrider_internal.cancel_many(event_id uuid, endpoint_id uuid, reason text) returns text;

create function postrider_internal.cancel_reason(reason text) returns text;

create function postrider_internal.capture_function(event_type text, table_name text, event_function text, judged text[], unjudged text[], columns json, moved_setting text) returns text;

create function postrider_internal.capture_moves(table_name regclass, trigger_words text, arguments text, trigger_function text, moving_setting text) returns void;

create function postrider_internal.capture_settings(expressions text, search_path text) returns text;

create function postrider_internal.certificate_expiry(pem text) returns timestamp with time zone;

create function postrider_internal.changed_table_statement(former_relid oid, relid oid, trigger_name name, arguments text[], table_name text, columns json) returns text;

create function postrider_internal.charge_repeats(event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[], requests smallint[], batch_ids uuid[]) returns void;

create function postrider_internal.check_capture(table_name regclass, operations text[]) returns void;

create function postrider_internal.check_capture_expression(table_name regclass, argument text, expression text, form text, search_path text) returns void;

create function postrider_internal.check_filter(filter jsonpath) returns void;

create function postrider_internal.circuit_closed() returns trigger security definer;

create function postrider_internal.claim_context(ordering_key text, attributes jsonb, payload_bytes_max integer) returns jsonb;

create function postrider_internal.claim_deliveries(daemon_id uuid, after_endpoint uuid, endpoints_max integer, deliveries_max integer, share_max integer, known_endpoints uuid[], known_rooms integer[], lease_margin_ms integer, payload_bytes_max integer) returns TABLE(event_id uuid, endpoint_id uuid, attempts integer, attempts_before integer, is_again boolean, deliver_at_ms bigint, event_type text, created_at json, context jsonb, payload json, batch_id uuid, ordering_seq bigint, is_limited boolean, revision bigint, lease_ms integer, next_due_ms bigint) security definer;

create function postrider_internal.claim_events(daemon_id uuid, events_max integer, aside_max integer, pairs_max integer, fan_out_max integer, payload_bytes_max integer, unjudged_endpoints uuid[], unjudged_events uuid[]) returns TABLE(outcome text, claim_id bigint, event_count integer, queued_count integer, event_id uuid, event_type text, created_at json, context jsonb, payload json, endpoint_ids text, endpoints text, revisions text, slow_endpoint_id uuid, unmatched jsonb) security definer;

create function postrider_internal.close_api_session(token_hash bytea) returns void security definer;

create function postrider_internal.close_ingest(name text, run_id uuid) returns void security definer;

create function postrider_internal.compares_rows(expression pg_node_tree) returns boolean;

create function postrider_internal.compile_reference(reference text, root jsonb, pointer text, references_followed text[]) returns jsonb;

create function postrider_internal.compile_schema(schema jsonb, root jsonb, pointer text, references_followed text[]) returns jsonb;

create function postrider_internal.conjunction(predicates text[]) returns text;

create function postrider_internal.constant_headers(headers jsonb) returns jsonb;

create function postrider_internal.contains_problem(checks jsonb, whole jsonb, pointer text, INOUT steps_left integer, OUT problem text) returns record;

create function postrider_internal.continue_erasure(tenant text, OUT erased bigint, OUT is_finished boolean) returns record;

create function postrider_internal.count_attempts(counted_max integer) returns TABLE(endpoint_id uuid, attempts bigint, failures bigint, is_exact boolean) security definer;

create function postrider_internal.count_counted(endpoint_id uuid) returns integer;

create function postrider_internal.count_overdue(endpoint_ids uuid[], due_before timestamp with time zone) returns TABLE(overdue bigint, is_exact boolean);

create function postrider_internal.count_replay_failures(replay_id uuid) returns void;

create function postrider_internal.count_replay_pending(replay_id uuid) returns bigint security definer;

create function postrider_internal.count_replayed(replay_id uuid, rows_max integer, OUT pending integer, OUT begun integer, OUT unsent integer) returns record;

create function postrider_internal.count_requests(since timestamp with time zone) returns TABLE(endpoint_id uuid, at timestamp with time zone, minutes integer, succeeded bigint, failed bigint, exhausted bigint, discarded bigint);

create function postrider_internal.count_unclaimed(counted_max integer) returns TABLE(unclaimed bigint, is_exact boolean, oldest_at timestamp with time zone) security definer;

create function postrider_internal.count_uncounted(endpoint_id uuid) returns integer;

create function postrider_internal.count_undelivered(counted_max integer) returns TABLE(endpoint_id uuid, exhausted bigint, discarded bigint, is_exact boolean) security definer;

create function postrider_internal.count_waiting(counted_max integer, due_before timestamp with time zone DEFAULT NULL::timestamp with time zone, total_max integer DEFAULT NULL::integer, rest_max integer DEFAULT NULL::integer) returns TABLE(endpoint_id uuid, pending bigint, due bigint, is_exact boolean, oldest_at timestamp with time zone, overdue bigint) security definer;

create function postrider_internal.count_waiting_for(endpoint_id uuid, counted_max integer) returns TABLE(pending bigint, due bigint, oldest_id uuid);

create function postrider_internal.counted(number bigint, noun text, plural text DEFAULT NULL::text) returns text;

create function postrider_internal.create_capture_trigger(table_name regclass, trigger_name name, statement text, search_path text) returns boolean;

create function postrider_internal.credential_hash(credential jsonb, salt bytea) returns bytea;

create function postrider_internal.cursor_behind(page_base pg_snapshot, page_target pg_snapshot, window_xid xid8, window_seq bigint, is_complete boolean, xids xid8[], seqs bigint[], page_asides xid8[], page_aside_seqs bigint[], ended_xids xid8[], OUT base pg_snapshot, OUT target pg_snapshot, OUT after_xid xid8, OUT after_seq bigint, OUT aside_xids xid8[], OUT aside_seqs bigint[]) returns record;

create function postrider_internal.cursor_place(cursor_key bytea, endpoint_id uuid, cursor_text text) returns bigint;

create function postrider_internal.daemons_without_key(encryption_key_id text) returns TABLE(daemon_id uuid, host text, pid integer) security definer;

create function postrider_internal.decide_first(places integer[], event_ids uuid[], endpoint_ids uuid[], attempts_before_now integer[], attempt_ids uuid[], states text[], waits_ms bigint[], reasons text[]) returns void;

create function postrider_internal.decide_leased(daemon_id uuid, event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[], attempts_before_now integer[], states text[], waits_ms bigint[], reasons text[], alone integer[], OUT locked integer[], OUT exhausted integer[]) returns record;

create function postrider_internal.declared_grants() returns TABLE(roles text[], privileges text, object text);

create function postrider_internal.delete_records(before timestamp with time zone, now timestamp with time zone) returns bigint;

create function postrider_internal.delete_strays(before date, now timestamp with time zone) returns bigint;

create function postrider_internal.delete_unused_keys(before date, now timestamp with time zone) returns bigint;

create function postrider_internal.disable_failing(endpoint_id uuid, reason text, event_ids uuid[], endpoint_ids uuid[]) returns void;

create function postrider_internal.disable_gone_endpoints(gone_endpoints uuid[], event_ids uuid[], endpoint_ids uuid[]) returns void;

create function postrider_internal.discard_deliveries(endpoint_id uuid, reason text, deliveries_max integer) returns integer;

create function postrider_internal.discard_leftovers(endpoint_id uuid, deliveries_max integer) returns integer;

create function postrider_internal.discard_ordered(endpoint_id uuid, reason text, deliveries_max integer) returns integer;

create function postrider_internal.discard_pulled(endpoint_id uuid, event_id uuid, reason text) returns void;

create function postrider_internal.discard_reason(endpoint_state text) returns text;

create function postrider_internal.discard_unwanted(event_ids uuid[], endpoint_ids uuid[], states text[], OUT discarded integer[], OUT discard_reasons text[]) returns record;

create function postrider_internal.drop_capture(table_name regclass, event_type text) returns boolean;

create function postrider_internal.drop_days(before date) returns TABLE(outcome text, subject text);

create function postrider_internal.drop_minutes(before date) returns TABLE(outcome text, subject text);

create function postrider_internal.drop_objects(file text) returns void;

create function postrider_internal.due_time(event_id uuid) returns timestamp with time zone;

create function postrider_internal.elements_problem(checks jsonb, whole jsonb, pointer text, INOUT steps_left integer, OUT problem text) returns record;

create function postrider_internal.empty_claims(daemon_id uuid, claims bigint[]) returns void security definer;

create function postrider_internal.end_action() returns void;

create function postrider_internal.end_deliveries(event_ids uuid[], endpoint_id uuid, reason text, replaces_marks boolean, OUT discarded integer, OUT marked integer, OUT has_more boolean) returns record;

create function postrider_internal.end_replay(replay_id uuid, reason text) returns void;

create function postrider_internal.end_replays() returns trigger security definer;

create function postrider_internal.ended_deliveries(endpoint_id uuid) returns text;

create function postrider_internal.endpoint_audit() returns trigger security definer;

create function postrider_internal.endpoint_authorization() returns trigger;

create function postrider_internal.endpoint_batching() returns trigger;

create function postrider_internal.endpoint_changed() returns trigger security definer;

create function postrider_internal.endpoint_changing() returns trigger;

create function postrider_internal.endpoint_credentials() returns trigger security definer;

create function postrider_internal.endpoint_defaults() returns jsonb;

create function postrider_internal.endpoint_faults(declared jsonb) returns TABLE(place text[], problem text, advice text);

create function postrider_internal.endpoint_handshake_changed() returns trigger security definer;

create function postrider_internal.endpoint_handshake_changing() returns trigger;

create function postrider_internal.endpoint_inlining() returns trigger security definer;

create function postrider_internal.endpoint_limiting() returns trigger security definer;

create function postrider_internal.endpoint_options() returns TABLE(name text, is_secret boolean);

create function postrider_internal.endpoint_pulling() returns trigger security definer;

create function postrider_internal.endpoint_retry_policy() returns trigger;

create function postrider_internal.endpoint_secret_changed() returns trigger security definer;

create function postrider_internal.endpoint_secret_changing() returns trigger security definer;

create function postrider_internal.endpoint_signing_changed() returns trigger security definer;

create function postrider_internal.equality_predicate(options jsonb, place text) returns text;

create function postrider_internal.erase_events(event_ids uuid[], OUT discarded bigint, OUT in_flight bigint) returns record;

create function postrider_internal.event_context(ordering_key text, attributes jsonb) returns jsonb;

create function postrider_internal.event_facts(id uuid, event_type text, created_at timestamp with time zone, tenant text, ordering_key text, attributes jsonb) returns jsonb;

create function postrider_internal.event_query(table_name text, condition text, payload text, ordering_key text, tenant text, old_row text, new_row text, source text) returns text;

create function postrider_internal.event_time(created_at timestamp with time zone) returns json;

create function postrider_internal.event_type_audit() returns trigger security definer;

create function postrider_internal.event_type_changing() returns trigger security definer;

create function postrider_internal.event_type_patterns(event_type text) returns text[];

create function postrider_internal.exactly_one(predicates text[]) returns text;

create function postrider_internal.explain_behind(detail text, event_id uuid) returns text;

create function postrider_internal.explain_circuit(endpoint_id uuid) returns text;

create function postrider_internal.explain_filter(payload json, filter jsonpath) returns text;

create function postrider_internal.explain_format(format text, attributes jsonb) returns text;

create function postrider_internal.explain_handshake(endpoint_id uuid) returns text;

create function postrider_internal.explain_lack(tenant text) returns text;

create function postrider_internal.explain_match(event_type text, payload json, endpoint_id uuid) returns text;

create function postrider_internal.explain_order(endpoint_id uuid, event_id uuid) returns text;

create function postrider_internal.explain_pulled(detail text, stop text) returns text;

create function postrider_internal.explain_size(endpoint_id uuid, event_id uuid) returns text;

create function postrider_internal.explain_transformation(endpoint_id uuid, event_id uuid) returns text;

create function postrider_internal.fetch_events(listener_id uuid, endpoint_id uuid, after_cursor text, events_max integer, bytes_max integer, item_bytes_max integer, unreadable text, with_large boolean) returns TABLE(outcome text, next_cursor text, has_more boolean, event_id uuid, event_type text, created_at json, context jsonb, payload json) security definer;

create function postrider_internal.file_objects(file text) returns TABLE(class_id oid, object_id oid, kind text, identity text);

create function postrider_internal.fill_retention(period interval) returns interval security definer;

create function postrider_internal.find_allowance(endpoint_id uuid, share integer, OUT allowed integer, OUT look_again timestamp with time zone) returns record;

create function postrider_internal.find_event(id uuid, payload_bytes_max integer) returns SETOF postrider_internal.claimed_event;

create function postrider_internal.find_fetchable(endpoint_ids uuid[], after_cursors text[]) returns TABLE(place integer) security definer;

create function postrider_internal.find_heads(endpoint_id uuid, is_ordered boolean, keys_max integer, next_attempt_at timestamp with time zone, rows_left integer) returns postrider_internal.found_heads;

create function postrider_internal.find_payload(endpoint_id uuid, event_id uuid, OUT is_disabled boolean, OUT is_there boolean, OUT secrets text[], OUT secret_kinds text[]) returns SETOF record security definer;

create function postrider_internal.find_rules(tenant text, pattern text) returns TABLE(endpoint_id uuid, filter jsonpath, is_express boolean, revision bigint);

create function postrider_internal.fingerprint(file text) returns text;

create function postrider_internal.finish_cancellations() returns void;

create function postrider_internal.finish_claims(daemon_id uuid, claims bigint[], epochs uuid[], present_epoch uuid, newest_claim bigint, OUT kept_claims bigint[]) returns bigint[];

create function postrider_internal.fit_page(kinds integer[], ends integer[], pairs_max integer) returns integer;

create function postrider_internal.fits_row(one anyelement, event_function text) returns boolean;

create function postrider_internal.give_kept_grants() returns void;

create function postrider_internal.gives_list(path jsonpath) returns boolean;

create function postrider_internal.halts_key(endpoint_id uuid) returns boolean;

create function postrider_internal.halvings(members integer) returns integer;

create function postrider_internal.has_no_login(url text) returns boolean;

create function postrider_internal.has_passed(base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, aside_xids xid8[], aside_seqs bigint[], xid xid8, seq bigint) returns boolean;

create function postrider_internal.has_placed(endpoint_id uuid, after_place bigint) returns boolean;

create function postrider_internal.has_signing_key(endpoint_id uuid) returns boolean;

create function postrider_internal.has_unplaced(endpoint_id uuid, acknowledged_place bigint) returns boolean;

create function postrider_internal.histogram(places integer[]) returns integer[];

create function postrider_internal.holds_credential(given jsonb) returns boolean;

create function postrider_internal.ingest_lock_key(name text) returns bigint;

create function postrider_internal.insert_changed_event(statement text, event_type text, table_name text, former_relid oid, relid oid, former text, present text, operation text, is_judged boolean) returns void;

create function postrider_internal.insert_lines(event_type text, tenant text, lines text[], numbers integer[], OUT events integer, OUT refused integer[], OUT reasons text[]) returns record;

create function postrider_internal.insert_own_event(event_type text, payload json) returns void;

create function postrider_internal.install_file(file text, sha256 text, grants text, postrider_version text, statements text) returns boolean;

create function postrider_internal.is_as_captured(one anyelement, relid oid, column_names text[], event_function text) returns boolean;

create function postrider_internal.is_auth(auth jsonb) returns boolean;

create function postrider_internal.is_cancelled(reason text) returns boolean;

create function postrider_internal.is_claimed(xid xid8, seq bigint) returns boolean;

create function postrider_internal.is_client_certificate(given jsonb) returns boolean;

create function postrider_internal.is_count(value jsonb) returns boolean;

create function postrider_internal.is_for_batch(attempts integer, attempts_before integer, replay_id uuid) returns boolean;

create function postrider_internal.is_function(name text) returns boolean;

create function postrider_internal.is_listed(options jsonb) returns boolean;

create function postrider_internal.is_needed(lower_bound uuid, upper_bound uuid) returns boolean;

create function postrider_internal.is_option(options jsonb, value jsonb) returns boolean;

create function postrider_internal.is_own(xid xid8, row_xmin xid) returns boolean;

create function postrider_internal.is_path(value text) returns boolean;

create function postrider_internal.is_pem(given text, label text) returns boolean;

create function postrider_internal.is_public_jwk(key jsonb) returns boolean;

create function postrider_internal.is_recorded(event_ids uuid[], endpoint_ids uuid[]) returns boolean;

create function postrider_internal.is_settled(xid xid8, seq bigint, created_at timestamp with time zone, row_xmin xid, base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, aside_xids xid8[], aside_seqs bigint[], claimed_at timestamp with time zone, is_copied boolean) returns boolean;

create function postrider_internal.is_stored_credential(endpoint_id uuid, kind text, given jsonb) returns boolean;

create function postrider_internal.is_subscribed(event_type text) returns boolean;

create function postrider_internal.is_thin(payload json, inline_limit integer) returns boolean;

create function postrider_internal.is_transformation(payload text) returns boolean;

create function postrider_internal.is_wake_off() returns boolean;

create function postrider_internal.judge_event(event_type text, payload json) returns void security definer;

create function postrider_internal.judge_failing(event_ids uuid[], endpoint_ids uuid[], failure_kinds text[], reasons text[]) returns jsonb;

create function postrider_internal.judge_filters(payload json, endpoint_ids uuid[], filters jsonpath[]) returns TABLE(endpoint_id uuid, problem text, is_slow boolean);

create function postrider_internal.judge_lines(lines text[], filter jsonpath, OUT chosen integer[], OUT refused integer[], OUT reasons text[]) returns record;

create function postrider_internal.judge_page(ids uuid[], kinds integer[], ends integer[], rules postrider_internal.claim_rule[], unjudged_endpoints uuid[], unjudged_events uuid[], OUT event_count integer, OUT verdicts postrider_internal.claim_pair[], OUT slow_event_id uuid, OUT slow_endpoint_id uuid) returns record;

create function postrider_internal.judge_payload(event_type text, payload json, checks jsonb, predicate jsonpath, value_steps bigint, object_steps bigint, byte_steps bigint) returns void;

create function postrider_internal.judge_probes(event_ids uuid[], endpoint_ids uuid[], failure_kinds text[]) returns jsonb;

create function postrider_internal.judged_event_types() returns text[];

create function postrider_internal.keep_api_request(request_id bytea, request_hash bytea, status smallint, answer text) returns void security definer;

create function postrider_internal.keep_files(files text[], postrider_version text) returns SETOF text;

create function postrider_internal.keep_grants(file text) returns void;

create function postrider_internal.kept_place(endpoint_id uuid, pull_place bigint) returns bigint;

create function postrider_internal.keyword_advice(keyword text) returns text;

create function postrider_internal.keyword_problem(keyword text, argument jsonb) returns text;

create function postrider_internal.known_deliveries(event_ids uuid[], endpoint_ids uuid[]) returns integer[];

create function postrider_internal.lease_batches(daemon_id uuid, endpoint_id uuid, room integer, batch_size integer, batch_delay_ms integer, lease_ms integer, payload_bytes_max integer, requests_allowed integer) returns SETOF postrider_internal.leased_delivery;

create function postrider_internal.lease_deliveries(daemon_id uuid, endpoint_id uuid, deliveries_max integer, batch_size integer, batch_delay_ms integer, lease_ms integer, payload_bytes_max integer, is_limited boolean, is_open boolean, heads postrider_internal.found_heads) returns SETOF postrider_internal.leased_delivery;

create function postrider_internal.lease_members(daemon_id uuid, endpoint_id uuid, event_ids uuid[], batch_id uuid, lease_ms integer, payload_bytes_max integer, is_limited boolean) returns SETOF postrider_internal.leased_delivery;

create function postrider_internal.lease_ordered(daemon_id uuid, endpoint_id uuid, heads postrider_internal.found_heads, keys_max integer, lease_ms integer, payload_bytes_max integer, is_limited boolean) returns SETOF postrider_internal.leased_delivery;

create function postrider_internal.lease_probe(daemon_id uuid, endpoint_id uuid, deliveries_max integer, batch_size integer, batch_delay_ms integer, lease_ms integer, payload_bytes_max integer, is_limited boolean, heads postrider_internal.found_heads) returns SETOF postrider_internal.leased_delivery;

create function postrider_internal.leave(daemon_id uuid) returns void security definer;

create function postrider_internal.left_out_attributes(attributes jsonb, format text) returns text;

create function postrider_internal.length_predicate(minimum numeric, maximum numeric) returns text;

create function postrider_internal.lock_batch(endpoint_id uuid, batch_id uuid) returns uuid[];

create function postrider_internal.lock_endpoint(endpoint_id uuid) returns text;

create function postrider_internal.lock_event_types() returns trigger security definer;

create function postrider_internal.lock_hours() returns timestamp with time zone;

create function postrider_internal.lock_new_batches(endpoint_id uuid, due_since timestamp with time zone, room integer, batch_size integer, batch_delay_ms integer, payload_bytes_max integer) returns TABLE(members uuid[]);

create function postrider_internal.lock_requests(endpoint_id uuid, event_id uuid, batch_id uuid, new_since timestamp with time zone, room integer, batch_size integer, batch_delay_ms integer, payload_bytes_max integer) returns TABLE(members uuid[]);

create function postrider_internal.lock_runs(endpoint_id uuid, keys text[], run_max integer) returns uuid[];

create function postrider_internal.lock_secret(secret_id uuid, former xid) returns uuid;

create function postrider_internal.lock_unordered(endpoint_id uuid, deliveries_max integer) returns uuid[];

create function postrider_internal.lock_walk(endpoint_id uuid) returns boolean;

create function postrider_internal.look_at_deliveries(way text, endpoint_ids uuid[], from_id uuid, to_id uuid, part_max integer) returns TABLE(part uuid, event_id uuid, endpoint_id uuid, state text, attempts integer);

create function postrider_internal.lost_attempts(since timestamp with time zone, until timestamp with time zone) returns TABLE(daemon_id uuid, minute timestamp with time zone, endpoint_id uuid, attempt_number integer, duration_ms integer, cause text, is_again boolean, end_state text, request_place integer, delay_place integer);

create function postrider_internal.lost_columns(captured oid, trigger_function oid) returns text;

create function postrider_internal.make_capture(table_name regclass, event_type text, operations text[], condition text, payload text, ordering_key text, tenant text, schemas name[]) returns void;

create function postrider_internal.make_hour(now timestamp with time zone) returns timestamp with time zone;

create function postrider_internal.make_key(secret_id uuid, secret text, public_key text) returns boolean security definer;

create function postrider_internal.make_partitions(ahead interval DEFAULT '7 days'::interval, now timestamp with time zone DEFAULT NULL::timestamp with time zone) returns TABLE(outcome text, partition_name text) security definer;

create function postrider_internal.masked_headers(headers jsonb, earlier jsonb DEFAULT NULL::jsonb) returns jsonb;

create function postrider_internal.measure_endpoints(endpoint_ids uuid[], counted_max integer) returns TABLE(id uuid, tenant text, name text, is_open boolean, pending integer, oldest_seconds double precision) security definer;

create function postrider_internal.measure_figures(unclaimed_max integer) returns TABLE(schema_version integer, partition_days_ahead integer, active integer, paused integer, disabled integer, circuits_open integer, circuit_seconds double precision, unconsented integer, live integer, late integer, lost integer, replays integer, notification_queue_ratio double precision, unclaimed integer, unclaimed_seconds double precision) security definer;

create function postrider_internal.measure_waiting(after_endpoint uuid, after_event uuid, rows_max integer) returns TABLE(endpoint_id uuid, event_id uuid, last_rows integer, endpoints integer, active integer, paused integer, due integer, overdue integer, overdue_seconds double precision, oldest_seconds double precision) security definer;

create function postrider_internal.missing_rows() returns TABLE(found text, remedy text) security definer;

create function postrider_internal.move_sequence(table_name text, column_name text, largest bigint, gap integer) returns void;

create function postrider_internal.move_strays(since date, now timestamp with time zone) returns TABLE(outcome text, subject text);

create function postrider_internal.nearest(word text, candidates text[]) returns text;

create function postrider_internal.nearest_event_type(name text) returns text;

create function postrider_internal.new_api_token(prefix text) returns text;

create function postrider_internal.new_attempts(event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[]) returns uuid[];

create function postrider_internal.new_secret() returns text;

create function postrider_internal.next_endpoint(after_endpoint uuid, known_in_order uuid) returns TABLE(endpoint_id uuid, next_attempt_at timestamp with time zone, is_asked boolean, in_order uuid);

create function postrider_internal.note_action(action text, endpoint_id uuid, event_id uuid, detail jsonb) returns void;

create function postrider_internal.note_change(action text, endpoint_id uuid, list_name text, before jsonb, after jsonb) returns void security definer;

create function postrider_internal.note_discards(endpoint_ids uuid[], are_excused boolean) returns void;

create function postrider_internal.note_endpoint_event(event_type text, endpoint_id uuid, facts json) returns void;

create function postrider_internal.note_exhausted(exhausted integer[], event_ids uuid[], endpoint_ids uuid[], attempts_before_now integer[], http_statuses smallint[], failure_kinds text[], reasons text[]) returns void;

create function postrider_internal.note_failed_capture(captured_type text, relid oid, change json, problem text) returns void security definer;

create function postrider_internal.note_gone(lower_bound uuid, upper_bound uuid) returns void;

create function postrider_internal.note_health(event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[], started_ms double precision[], durations_ms integer[], http_statuses smallint[], failure_kinds text[], errors text[], reasons text[]) returns jsonb;

create function postrider_internal.note_idempotency_key(tenant text, idempotency_key text, event_id uuid) returns boolean security definer;

create function postrider_internal.note_moving_row() returns trigger;

create function postrider_internal.note_recoveries(outages jsonb) returns void;

create function postrider_internal.note_replay_failure() returns trigger security definer;

create function postrider_internal.note_replay_problem(replay_id uuid, problem text) returns void security definer;

create function postrider_internal.note_signed_request(event_id uuid, endpoint_id uuid) returns void security definer;

create function postrider_internal.note_unmatched(page postrider_internal.claim_page, event_count integer, places integer[], lists text[], others postrider_internal.claim_pair[]) returns jsonb;

create function postrider_internal.notify_daemons(payload text DEFAULT ''::text) returns void;

create function postrider_internal.object_predicate(checks jsonb, place text) returns text;

create function postrider_internal.objective_audit() returns trigger security definer;

create function postrider_internal.open_api_session(given_hash bytea) returns TABLE(token text, expires_at timestamp with time zone) security definer;

create function postrider_internal.open_circuit(endpoint_id uuid, failures bigint) returns jsonb;

create function postrider_internal.open_ingest(name text, path text, run_id uuid, is_resumed boolean, filter text, event_type text) returns TABLE(outcome text, batch bigint, file_id text, file_born_ns bigint, file_modified_ns bigint, fingerprint text, byte_offset bigint, line_number bigint, passed_born_ns bigint, known_files jsonb) security definer;

create function postrider_internal.option_changes(old_row jsonb, new_row jsonb) returns TABLE(part text, before jsonb, after jsonb);

create function postrider_internal.outbox_inserting() returns trigger;

create function postrider_internal.outbox_updating() returns trigger;

create function postrider_internal.pair_page(ids uuid[], kinds integer[], ends integer[], rule_endpoints uuid[], pairs_max integer, OUT event_count integer, OUT event_ids uuid[], OUT endpoint_ids uuid[], OUT others postrider_internal.claim_pair[]) returns record;

create function postrider_internal.parse_filter(filter text) returns jsonpath;

create function postrider_internal.parse_path(path text) returns jsonpath;

create function postrider_internal.partition_bound(parent text, day date) returns text;

create function postrider_internal.partition_key(parent text) returns text;

create function postrider_internal.partition_time(id uuid) returns timestamp with time zone;

create function postrider_internal.pass_empty_page(page postrider_internal.claim_page, daemon_id uuid, empty_claim bigint, OUT outcome text, OUT claim_id bigint) returns record;

create function postrider_internal.pause_unreadable(endpoint_ids uuid[], revisions bigint[], reasons text[]) returns void security definer;

create function postrider_internal.payload_problem(checks jsonb, value jsonb, pointer text, INOUT steps_left integer, OUT problem text) returns record;

create function postrider_internal.payload_steps(payload text, value_steps bigint, object_steps bigint, byte_steps bigint) returns bigint;

create function postrider_internal.percentiles(counts bigint[], bounds integer[]) returns TABLE(p50 double precision, p95 double precision, p99 double precision, p50_within integer, p95_within integer, p99_within integer);

create function postrider_internal.place_in_order(event_id uuid, endpoint_id uuid, is_wanted boolean) returns TABLE(ordering_key text, ordering_seq bigint);

create function postrider_internal.place_pulled(endpoint_id uuid, acknowledged_place bigint, last_place bigint, wanted integer) returns integer;

create function postrider_internal.place_within(place text, name text) returns text;

create function postrider_internal.plan_transformation(endpoint_id uuid) returns postrider_internal.transformation_plan;

create function postrider_internal.pointer_step(name text) returns text;

create function postrider_internal.portal_attempts_searched_to(since timestamp with time zone, until timestamp with time zone, after_started_at timestamp with time zone, after_id uuid) returns timestamp with time zone security definer;

create function postrider_internal.portal_cancel_replay(replay_id uuid) returns void security definer;

create function postrider_internal.portal_change_endpoint(endpoint_id uuid, settings jsonb, revision bigint) returns boolean security definer;

create function postrider_internal.portal_create_endpoint(url text, event_types text[], filter text, name text, description text, headers jsonb, OUT endpoint_id uuid, OUT secret text) returns record security definer;

create function postrider_internal.portal_delete_endpoint(endpoint_id uuid, reason text, dry_run boolean, OUT name text, OUT url text, OUT pending bigint, OUT is_exact boolean, OUT in_flight bigint, OUT subscriptions bigint, OUT replays bigint) returns record security definer;

create function postrider_internal.portal_deliveries(event_id uuid, after_endpoint_id uuid, deliveries_max integer) returns TABLE(endpoint_id uuid, name text, url text, state text, detail text, reason text, attempts integer, last_http_status integer, last_error text, next_attempt_at timestamp with time zone, created_at timestamp with time zone, finished_at timestamp with time zone) security definer;

create function postrider_internal.portal_error(failure_kind text, error text) returns text;

create function postrider_internal.portal_events(since timestamp with time zone, until timestamp with time zone, of_type text, of_endpoint_id uuid, after_id uuid, events_max integer) returns TABLE(id uuid, event_type text, ordering_key text, created_at timestamp with time zone, deliver_at timestamp with time zone, erased_at timestamp with time zone, is_test boolean, deliveries jsonb) security definer;

create function postrider_internal.portal_failed_attempts(of_endpoint_id uuid, since timestamp with time zone, until timestamp with time zone, after_started_at timestamp with time zone, after_id uuid, attempts_max integer) returns TABLE(event_id uuid, endpoint_id uuid, name text, event_type text, id uuid, attempt_number integer, started_at timestamp with time zone, duration_ms integer, http_status smallint, failure_kind text, error text) security definer;

create function postrider_internal.portal_pause_endpoint(endpoint_id uuid, reason text) returns void security definer;

create function postrider_internal.portal_reason(reason text) returns text;

create function postrider_internal.portal_redeliver(event_id uuid, endpoint_id uuid) returns integer security definer;

create function postrider_internal.portal_replay_range(endpoint_id uuid, since timestamp with time zone, until timestamp with time zone, event_type text, states text[], dry_run boolean, OUT replay_id uuid, OUT events bigint) returns record security definer;

create function postrider_internal.portal_resume_endpoint(endpoint_id uuid) returns void security definer;

create function postrider_internal.portal_rotate_secret(endpoint_id uuid, overlap interval) returns text security definer;

create function postrider_internal.portal_searched_to(since timestamp with time zone, until timestamp with time zone, after_id uuid) returns timestamp with time zone security definer;

create function postrider_internal.portal_send_test_event(endpoint_id uuid, event_type text, payload json) returns uuid security definer;

create function postrider_internal.portal_subscribe(endpoint_id uuid, event_type text, filter text) returns uuid security definer;

create function postrider_internal.portal_tenant(capability text) returns text;

create function postrider_internal.portal_undelivered(states text[], of_endpoint_id uuid, since timestamp with time zone, after_event_id uuid, after_endpoint_id uuid, deliveries_max integer) returns TABLE(event_id uuid, endpoint_id uuid, name text, event_type text, state text, reason text, attempts integer, created_at timestamp with time zone, finished_at timestamp with time zone) security definer;

create function postrider_internal.portal_unsubscribe(subscription_id uuid) returns void security definer;

create function postrider_internal.portal_waiting(endpoint_id uuid, after_event_id uuid, deliveries_max integer) returns TABLE(event_id uuid, event_type text, created_at timestamp with time zone, attempts integer, next_attempt_at timestamp with time zone, is_in_flight boolean) security definer;

create function postrider_internal.predicate_for(kind text, types jsonb, predicate text) returns text;

create function postrider_internal.predicate_steps(checks jsonb, OUT value_steps bigint, OUT object_steps bigint, OUT byte_steps bigint) returns record;

create function postrider_internal.prepare_deliveries(replay postrider.replay, after_event uuid, events_max integer, deliveries_max integer, OUT place uuid, OUT prepared integer, OUT left_alone integer, OUT is_held_up boolean) returns record;

create function postrider_internal.prepare_replay(replay_id uuid, OUT outcome text, OUT prepared integer) returns record security definer;

create function postrider_internal.present_allowance(endpoint_id uuid, share integer, OUT allowed integer, OUT look_again timestamp with time zone) returns record;

create function postrider_internal.present_place(OUT system_identifier bigint, OUT database_oid oid) returns record;

create function postrider_internal.present_portal_token() returns TABLE(tenant text, subject text, capabilities text[], expires_at timestamp with time zone) security definer;

create function postrider_internal.present_server() returns text;

create function postrider_internal.probe_due(endpoint_id uuid) returns timestamp with time zone;

create function postrider_internal.properties_problem(checks jsonb, whole jsonb, pointer text, INOUT steps_left integer, OUT problem text) returns record;

create function postrider_internal.pull_cursor(cursor_key bytea, endpoint_id uuid, place bigint) returns text;

create function postrider_internal.pull_page(endpoint_id uuid, after_place bigint, events_max integer, bytes_max integer, item_bytes_max integer, OUT seen integer, OUT next_place bigint, OUT event_ids uuid[], OUT is_large boolean, OUT too_large uuid) returns record;

create function postrider_internal.put_in_order(endpoint_id uuid) returns integer;

create function postrider_internal.rate_burst(rate_limit numeric, rate_burst integer) returns integer;

create function postrider_internal.reached_limit(endpoint_id uuid) returns text;

create function postrider_internal.read_cursor(OUT claim_id bigint, OUT base pg_snapshot, OUT target pg_snapshot, OUT after_xid xid8, OUT after_seq bigint, OUT aside_xids xid8[], OUT aside_seqs bigint[], OUT empty_claim bigint, OUT is_on boolean) returns record;

create function postrider_internal.read_options(options jsonb) returns postrider.endpoint;

create function postrider_internal.read_template(template text, OUT skeleton jsonb, OUT places text[], OUT texts text[], OUT paths jsonpath[], OUT lists boolean[]) returns record;

create function postrider_internal.readable(value text) returns text;

create function postrider_internal.readable_context(ordering_key text, attributes jsonb) returns jsonb;

create function postrider_internal.reads_session(expression pg_node_tree) returns boolean;

create function postrider_internal.rebuilt_part(daemon_id uuid, minute timestamp with time zone) returns uuid;

create function postrider_internal.record_attempts(daemon_id uuid, places integer[], event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[], attempts_before_now integer[], started_ms double precision[], durations_ms integer[], http_statuses smallint[], requests smallint[], endpoint_revisions bigint[], batch_ids uuid[], failure_kinds text[], errors text[], response_headers json[], response_bodies text[]) returns void;

create function postrider_internal.record_first_successes(daemon_id uuid, places integer[], event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[], started_ms double precision[], durations_ms integer[], http_statuses smallint[], requests smallint[], endpoint_revisions bigint[], response_headers json[], response_bodies text[]) returns void;

create function postrider_internal.record_handshake(endpoint_id uuid, asking bigint, is_granted boolean, allowed_rate integer, http_status smallint, reason text) returns boolean security definer;

create function postrider_internal.record_others(daemon_id uuid, is_first boolean, held_claims bigint[], successes integer[], known integer[], event_ids uuid[], endpoint_ids uuid[], claim_ids bigint[], attempts_before_now integer[], attempt_ids uuid[], new_attempts uuid[], started_ms double precision[], durations_ms integer[], http_statuses smallint[], requests smallint[], endpoint_revisions bigint[], batch_ids uuid[], failure_kinds text[], errors text[], response_headers json[], response_bodies text[], states text[], waits_ms bigint[], reasons text[], alone integer[], OUT locked integer[], OUT discarded integer[], OUT discard_reasons text[]) returns record;

create function postrider_internal.record_results(daemon_id uuid, is_first boolean, is_repeat boolean, event_ids uuid[], endpoint_ids uuid[], claim_ids bigint[], attempts_before_now integer[], attempt_ids uuid[], started_ms double precision[], durations_ms integer[], http_statuses smallint[], requests smallint[], endpoint_revisions bigint[], batch_ids uuid[], failure_kinds text[], errors text[], response_headers json[], response_bodies text[], states text[], waits_ms bigint[], reasons text[], alone integer[], claims bigint[], finished_claims bigint[], finished_epochs uuid[], gone_endpoints uuid[], OUT kept_claims bigint[], OUT locked integer[], OUT discarded integer[], OUT discard_reasons text[], OUT epoch uuid, OUT circuits jsonb) returns record security definer;

create function postrider_internal.recorded_files() returns jsonb;

create function postrider_internal.refresh_judged_event_types() returns void security definer;

create function postrider_internal.refuse_captured_truncate() returns trigger;

create function postrider_internal.refuse_emptying() returns trigger;

create function postrider_internal.refuse_event(xid xid8, event_type text, lacks_payload boolean, tenant text, ordering_key text, idempotency_key text, attributes jsonb) returns void;

create function postrider_internal.refuse_if_unknown(event_type text) returns void;

create function postrider_internal.refuse_late(deliver_at timestamp with time zone) returns void security definer;

create function postrider_internal.refuse_null() returns trigger;

create function postrider_internal.refuse_null_in_event(column_name text) returns void;

create function postrider_internal.refuse_own_type(event_type text) returns void;

create function postrider_internal.refuse_payload(event_type text, problem text, advice text DEFAULT NULL::text) returns void;

create function postrider_internal.refuse_redelivery(event_id uuid, endpoint_id uuid) returns void;

create function postrider_internal.refuse_schema(pointer text, problem text, advice text) returns void;

create function postrider_internal.refuse_truncate() returns trigger;

create function postrider_internal.refuse_unknown_type(event_type text) returns void;

create function postrider_internal.replaced_files() returns SETOF text;

create function postrider_internal.replay_end(until timestamp with time zone) returns uuid;

create function postrider_internal.replay_stretch(replay postrider.replay, after_event uuid, events_max integer, judge_ms integer, by_millisecond boolean) returns TABLE(event_id uuid, verdict text);

create function postrider_internal.require_adoptable(OUT id bigint, OUT base pg_snapshot, OUT target pg_snapshot, OUT after_xid xid8, OUT after_seq bigint, OUT aside_xids xid8[], OUT aside_seqs bigint[], OUT claimed_at timestamp with time zone, OUT is_copied boolean) returns record;

create function postrider_internal.require_enabled_endpoint(endpoint_id uuid) returns void;

create function postrider_internal.require_endpoint(endpoint_id uuid) returns void;

create function postrider_internal.require_event(event_id uuid) returns void;

create function postrider_internal.require_home(may_move_in boolean DEFAULT true) returns boolean;

create function postrider_internal.require_ingest_role(name text, role_name text) returns void;

create function postrider_internal.require_objective_subject(endpoint_id uuid, tenant text) returns void;

create function postrider_internal.require_portal(capability text) returns text;

create function postrider_internal.require_portal_endpoint(capability text, endpoint_id uuid) returns text;

create function postrider_internal.require_portal_type(event_type text) returns void;

create function postrider_internal.require_sendable(event_id uuid, endpoint_id uuid) returns void;

create function postrider_internal.restore_records() returns void;

create function postrider_internal.retention_changed() returns trigger security definer;

create function postrider_internal.retention_changing() returns trigger;

create function postrider_internal.retention_period() returns interval;

create function postrider_internal.route_kinds(kind_types text[], kind_tenants text[], has_later boolean, fan_out_max integer, OUT ends integer[], OUT lists text[], OUT endpoint_ids uuid[], OUT endpoints text, OUT revisions text, OUT is_plain boolean, OUT rules postrider_internal.claim_rule[]) returns record;

create function postrider_internal.route_page(event_types text[], tenants text[], has_later boolean, fan_out_max integer, OUT kinds integer[], OUT ends integer[], OUT lists text[], OUT endpoint_ids uuid[], OUT endpoints text, OUT revisions text, OUT is_plain boolean, OUT rules postrider_internal.claim_rule[]) returns record;

create function postrider_internal.row_change(operation text, table_name text, old json, new json) returns json;

create function postrider_internal.row_table(one anyelement) returns regclass;

create function postrider_internal.rule_audit() returns trigger security definer;

create function postrider_internal.scalar_problem(checks jsonb, value jsonb) returns text;

create function postrider_internal.schema_predicate(checks jsonb, place text) returns text;

create function postrider_internal.seal_secret(secret_id uuid, former xid, sealed text) returns boolean security definer;

create function postrider_internal.sending_changed() returns trigger security definer;

create function postrider_internal.sending_changing() returns trigger;

create function postrider_internal.set_endpoint_state(endpoint_id uuid, state text, reason text, action text) returns void;

create function postrider_internal.set_judged_event_types() returns void security definer;

create function postrider_internal.set_unknown_types(unknown_types text, action text, reason text) returns void;

create function postrider_internal.shown_pointer(pointer text) returns text;

create function postrider_internal.shown_time(at timestamp with time zone) returns text;

create function postrider_internal.shown_value(value jsonb) returns text;

create function postrider_internal.signing_note(endpoint_id uuid, signing text, reference text) returns text;

create function postrider_internal.skip_unreadable(listener_id uuid, endpoint_id uuid, revision bigint, after_place bigint, reason text) returns bigint;

create function postrider_internal.small_payload(payload json, bytes_max integer) returns json;

create function postrider_internal.sort_pairs(ids uuid[], kinds integer[], deliver_times timestamp with time zone[], rules postrider_internal.claim_rule[], verdicts postrider_internal.claim_pair[], pairs_max integer, OUT event_count integer, OUT event_ids uuid[], OUT endpoint_ids uuid[], OUT others postrider_internal.claim_pair[], OUT endpoints text, OUT revisions text, OUT lists text[]) returns record;

create function postrider_internal.store_claim(base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, aside_xids xid8[], aside_seqs bigint[], event_ids uuid[], endpoint_ids uuid[], others postrider_internal.claim_pair[], daemon_id uuid, empty_claim bigint, OUT claim_id bigint, OUT queued_count integer) returns record;

create function postrider_internal.store_lines(name text, run_id uuid, batch bigint, event_type text, tenant text, filter jsonpath, lines text, refused_before integer, file_id text, file_born_ns bigint, file_modified_ns bigint, fingerprint text, byte_offset bigint, line_number bigint, passed_born_ns bigint, known_files jsonb) returns TABLE(outcome text, events integer, unmatched integer, refused integer[], reasons text[]) security definer;

create function postrider_internal.subscription_changing() returns trigger security definer;

create function postrider_internal.sum_places(counts bigint[], places integer) returns bigint;

create function postrider_internal.take_allowance(endpoint_id uuid, requests integer) returns void;

create function postrider_internal.take_asides(page postrider_internal.claim_page, turn integer, events_max integer, payload_bytes_max integer) returns postrider_internal.claim_page;

create function postrider_internal.take_credential(endpoint_id uuid, kind text, former jsonb, given jsonb) returns jsonb;

create function postrider_internal.take_handshakes(handshakes_max integer) returns TABLE(endpoint_id uuid, revision bigint, asking bigint) security definer;

create function postrider_internal.take_mixed(base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, aside_xids xid8[], aside_seqs bigint[], turn integer, events_max integer, aside_max integer, payload_bytes_max integer) returns postrider_internal.claim_page;

create function postrider_internal.take_out_of_order(endpoint_id uuid) returns integer;

create function postrider_internal.take_over_claim(daemon_id uuid, known_claims bigint[], payload_bytes_max integer) returns TABLE(claim_id bigint, former_daemon_id uuid, event_id uuid, event_type text, created_at json, context jsonb, payload json, endpoint_ids text, endpoint_id uuid, revision bigint) security definer;

create function postrider_internal.take_window(base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, events_max integer, payload_bytes_max integer) returns postrider_internal.claim_page;

create function postrider_internal.tally(causes text[]) returns jsonb;

create function postrider_internal.transform_deliveries(daemon_id uuid, event_ids uuid[], endpoint_ids uuid[], payload_bytes_max integer, is_given_up boolean) returns TABLE(event_id uuid, endpoint_id uuid, payload json, payload_bytes integer, headers jsonb, problem text, is_discarded boolean) security definer;

create function postrider_internal.transform_event(plan postrider_internal.transformation_plan, payload json, facts jsonb, OUT transformed text, OUT headers jsonb, OUT problem text) returns record;

create function postrider_internal.transform_headers(plan postrider_internal.transformation_plan, document jsonb, facts jsonb, OUT headers jsonb, OUT problem text) returns record;

create function postrider_internal.transforms(payload text, headers jsonb) returns boolean;

create function postrider_internal.trigger_arguments(arguments bytea) returns text[];

create function postrider_internal.type_predicate(types jsonb) returns text;

create function postrider_internal.unfit_payload(payload json, bytes_max integer) returns text;

create function postrider_internal.uri_decoded(encoded text) returns text;

create function postrider_internal.url_without_secrets(url text) returns text;

create function postrider_internal.use_api_key(token_hash bytea) returns TABLE(key_id uuid, name text, scopes text[]) security definer;

create function postrider_internal.wake_daemons() returns void;

create function postrider_internal.wal_position() returns pg_lsn;

create function postrider_internal.walk_deliveries(states text[], endpoint text, attempts_min integer, event_type text, tenant text, key text, since timestamp with time zone, until timestamp with time zone, before_event uuid, looked_max integer) returns TABLE(event_id uuid, is_end boolean);

create function postrider_internal.warn_of_other_event(tenant text, idempotency_key text, event_type text, payload json) returns void security definer;

create function postrider_internal.whole_milliseconds(after_event uuid, events_max integer) returns integer;

create function postrider_internal.window_events(after_xid xid8, after_seq bigint, target pg_snapshot, events_max integer, payload_bytes_max integer) returns TABLE(id uuid, xid xid8, seq bigint, event_type text, tenant text, created_at timestamp with time zone, deliver_at timestamp with time zone, context jsonb, payload json);

create function postrider_internal.withdraw_replayed(replay_id uuid, deliveries_max integer) returns integer;

create function postrider_internal.without_credential(given jsonb) returns jsonb;

create function postrider_internal.without_erased(event_ids uuid[], batch_ids uuid[], INOUT errors text[], INOUT response_headers json[], INOUT response_bodies text[]) returns record;

create function postrider_internal.write_capture_functions(table_name regclass, event_type text, condition text, payload text, ordering_key text, tenant text, judged text[], unjudged text[], trigger_function text, event_function text, settings text, moved_setting text) returns void;

create function postrider_internal.write_judged_event_types() returns trigger security definer;

-- Triggers

CREATE TRIGGER claim_delete AFTER DELETE ON postrider.claim FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_emptying();

CREATE TRIGGER claim_truncate BEFORE TRUNCATE ON postrider.claim FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_emptying();

CREATE TRIGGER note_replay_failure AFTER UPDATE OF state ON postrider.delivery FOR EACH ROW WHEN (((old.replay_id = new.replay_id) AND (old.state = 'pending'::text) AND (new.state = ANY (ARRAY['exhausted'::text, 'discarded'::text])))) EXECUTE FUNCTION postrider_internal.note_replay_failure();

CREATE TRIGGER circuit_closed AFTER UPDATE ON postrider.endpoint FOR EACH ROW WHEN (((old.circuit_opened_at IS NOT NULL) AND (new.circuit_opened_at IS NULL))) EXECUTE FUNCTION postrider_internal.circuit_closed();

CREATE TRIGGER end_all_replays AFTER DELETE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.end_replays();

CREATE TRIGGER end_replays AFTER UPDATE OF state ON postrider.endpoint FOR EACH ROW WHEN ((((new.state)::text = 'disabled'::text) AND ((old.state)::text <> 'disabled'::text))) EXECUTE FUNCTION postrider_internal.end_replays();

CREATE TRIGGER endpoint_audit AFTER INSERT OR UPDATE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_audit();

CREATE TRIGGER endpoint_audit_delete BEFORE DELETE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_audit();

CREATE TRIGGER endpoint_authorization BEFORE INSERT OR UPDATE OF auth, headers, client_certificate, url ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_authorization();

CREATE TRIGGER endpoint_batching BEFORE INSERT OR UPDATE OF format, batch_size, ordered ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_batching();

CREATE TRIGGER endpoint_changing BEFORE UPDATE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_changing();

CREATE TRIGGER endpoint_credentials BEFORE UPDATE OF auth, client_certificate ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_credentials();

CREATE TRIGGER endpoint_credentials_given AFTER INSERT ON postrider.endpoint FOR EACH ROW WHEN ((postrider_internal.holds_credential((new.auth)::jsonb) OR postrider_internal.holds_credential((new.client_certificate)::jsonb))) EXECUTE FUNCTION postrider_internal.endpoint_credentials();

CREATE TRIGGER endpoint_deleted AFTER DELETE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_changed();

CREATE TRIGGER endpoint_disabled AFTER UPDATE OF state ON postrider.endpoint FOR EACH ROW WHEN (((new.state)::text IS DISTINCT FROM (old.state)::text)) EXECUTE FUNCTION postrider_internal.endpoint_changed();

CREATE TRIGGER endpoint_handshake_changed AFTER UPDATE OF handshake, url, state ON postrider.endpoint FOR EACH ROW WHEN (((new.handshake <> old.handshake) OR (new.handshake AND (((new.url)::text <> (old.url)::text) OR (((new.state)::text = 'disabled'::text) <> ((old.state)::text = 'disabled'::text)))))) EXECUTE FUNCTION postrider_internal.endpoint_handshake_changed();

CREATE TRIGGER endpoint_handshake_changing BEFORE INSERT OR UPDATE OF handshake, url ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_handshake_changing();

CREATE TRIGGER endpoint_handshake_set AFTER INSERT ON postrider.endpoint FOR EACH ROW WHEN (new.handshake) EXECUTE FUNCTION postrider_internal.endpoint_handshake_changed();

CREATE TRIGGER endpoint_inlining BEFORE INSERT OR UPDATE OF inline_limit, payload, encryption_key ON postrider.endpoint FOR EACH ROW WHEN ((new.inline_limit IS NOT NULL)) EXECUTE FUNCTION postrider_internal.endpoint_inlining();

CREATE TRIGGER endpoint_kind_changing BEFORE UPDATE OF kind ON postrider.endpoint FOR EACH ROW WHEN (((new.kind)::text <> (old.kind)::text)) EXECUTE FUNCTION postrider_internal.endpoint_pulling();

CREATE TRIGGER endpoint_limited AFTER INSERT ON postrider.endpoint FOR EACH ROW WHEN (new.is_limited) EXECUTE FUNCTION postrider_internal.endpoint_limiting();

CREATE TRIGGER endpoint_limiting AFTER UPDATE ON postrider.endpoint FOR EACH ROW WHEN ((new.is_limited AND (((new.is_limited IS DISTINCT FROM old.is_limited) OR ((new.effective_rate)::numeric IS DISTINCT FROM (old.effective_rate)::numeric)) OR ((new.rate_burst)::integer IS DISTINCT FROM (old.rate_burst)::integer)))) EXECUTE FUNCTION postrider_internal.endpoint_limiting();

CREATE TRIGGER endpoint_nulls BEFORE INSERT OR UPDATE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.refuse_null();

CREATE TRIGGER endpoint_pulling BEFORE INSERT OR UPDATE ON postrider.endpoint FOR EACH ROW WHEN ((((new.kind)::text = 'pull'::text) OR (new.url IS NULL))) EXECUTE FUNCTION postrider_internal.endpoint_pulling();

CREATE TRIGGER endpoint_retry_policy BEFORE INSERT OR UPDATE OF retry_on, give_up_on ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_retry_policy();

CREATE TRIGGER endpoint_signing_changed AFTER UPDATE OF signing ON postrider.endpoint FOR EACH ROW WHEN (((new.signing)::text <> (old.signing)::text)) EXECUTE FUNCTION postrider_internal.endpoint_signing_changed();

CREATE TRIGGER endpoint_signing_set AFTER INSERT ON postrider.endpoint FOR EACH ROW WHEN (((new.signing)::text <> 'hmac'::text)) EXECUTE FUNCTION postrider_internal.endpoint_signing_changed();

CREATE TRIGGER endpoint_truncate BEFORE TRUNCATE ON postrider.endpoint FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_truncate();

CREATE TRIGGER endpoint_secret_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.endpoint_secret FOR EACH ROW EXECUTE FUNCTION postrider_internal.rule_audit();

CREATE TRIGGER endpoint_secret_changed AFTER INSERT OR DELETE OR UPDATE ON postrider.endpoint_secret FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_secret_changed();

CREATE TRIGGER endpoint_secret_changing BEFORE INSERT OR DELETE OR UPDATE ON postrider.endpoint_secret FOR EACH ROW EXECUTE FUNCTION postrider_internal.endpoint_secret_changing();

CREATE TRIGGER endpoint_secret_nulls BEFORE INSERT OR UPDATE ON postrider.endpoint_secret FOR EACH ROW EXECUTE FUNCTION postrider_internal.refuse_null();

CREATE TRIGGER endpoint_secret_truncate BEFORE TRUNCATE ON postrider.endpoint_secret FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_truncate();

CREATE TRIGGER event_type_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.event_type FOR EACH ROW EXECUTE FUNCTION postrider_internal.event_type_audit();

CREATE TRIGGER event_type_changing BEFORE INSERT OR UPDATE ON postrider.event_type FOR EACH ROW EXECUTE FUNCTION postrider_internal.event_type_changing();

CREATE TRIGGER event_type_judged AFTER INSERT OR DELETE OR UPDATE ON postrider.event_type FOR EACH ROW EXECUTE FUNCTION postrider_internal.write_judged_event_types() always;

CREATE TRIGGER event_type_lock BEFORE INSERT OR DELETE OR UPDATE ON postrider.event_type FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.lock_event_types();

CREATE TRIGGER event_type_truncate BEFORE TRUNCATE ON postrider.event_type FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_truncate();

CREATE TRIGGER event_type_policy_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.event_type_policy FOR EACH ROW EXECUTE FUNCTION postrider_internal.event_type_audit();

CREATE TRIGGER event_type_policy_judged AFTER INSERT OR DELETE OR UPDATE OF unknown_types ON postrider.event_type_policy FOR EACH ROW EXECUTE FUNCTION postrider_internal.write_judged_event_types() always;

CREATE TRIGGER objective_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.objective FOR EACH ROW EXECUTE FUNCTION postrider_internal.objective_audit();

CREATE TRIGGER outbox_inserting BEFORE INSERT ON postrider.outbox FOR EACH ROW EXECUTE FUNCTION postrider_internal.outbox_inserting();

CREATE TRIGGER outbox_updating BEFORE UPDATE ON postrider.outbox FOR EACH ROW EXECUTE FUNCTION postrider_internal.outbox_updating();

CREATE TRIGGER retention_changed AFTER UPDATE ON postrider.retention FOR EACH ROW WHEN (((new.period IS DISTINCT FROM old.period) OR (new.hours_period IS DISTINCT FROM old.hours_period))) EXECUTE FUNCTION postrider_internal.retention_changed();

CREATE TRIGGER retention_changing BEFORE UPDATE ON postrider.retention FOR EACH ROW WHEN (((new.period IS DISTINCT FROM old.period) OR (new.hours_period IS DISTINCT FROM old.hours_period))) EXECUTE FUNCTION postrider_internal.retention_changing();

CREATE TRIGGER schema_migration_deleting BEFORE DELETE ON postrider.schema_migration FOR EACH ROW EXECUTE FUNCTION postrider_internal.refuse_emptying();

CREATE TRIGGER schema_migration_truncate BEFORE TRUNCATE ON postrider.schema_migration FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_emptying();

CREATE TRIGGER schema_object_truncate BEFORE TRUNCATE ON postrider.schema_object FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_emptying();

CREATE TRIGGER sending_changed AFTER UPDATE ON postrider.sending FOR EACH ROW WHEN (((((new.is_on IS DISTINCT FROM old.is_on) OR (new.reason IS DISTINCT FROM old.reason)) OR (new.is_guarded IS DISTINCT FROM old.is_guarded)) OR ((old.database_oid IS NOT NULL) AND ((new.system_identifier IS DISTINCT FROM old.system_identifier) OR (new.database_oid IS DISTINCT FROM old.database_oid))))) EXECUTE FUNCTION postrider_internal.sending_changed();

CREATE TRIGGER sending_changing BEFORE UPDATE ON postrider.sending FOR EACH ROW WHEN ((((new.is_on IS DISTINCT FROM old.is_on) OR (new.reason IS DISTINCT FROM old.reason)) OR (new.is_guarded IS DISTINCT FROM old.is_guarded))) EXECUTE FUNCTION postrider_internal.sending_changing();

CREATE TRIGGER sending_deleting BEFORE DELETE ON postrider.sending FOR EACH ROW EXECUTE FUNCTION postrider_internal.refuse_emptying();

CREATE TRIGGER sending_replaced AFTER INSERT OR DELETE ON postrider.sending FOR EACH ROW EXECUTE FUNCTION postrider_internal.sending_changed();

CREATE TRIGGER sending_truncate BEFORE TRUNCATE ON postrider.sending FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_emptying();

CREATE TRIGGER subscription_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.subscription FOR EACH ROW EXECUTE FUNCTION postrider_internal.rule_audit();

CREATE TRIGGER subscription_changing BEFORE INSERT OR UPDATE ON postrider.subscription FOR EACH ROW EXECUTE FUNCTION postrider_internal.subscription_changing();

CREATE TRIGGER subscription_truncate BEFORE TRUNCATE ON postrider.subscription FOR EACH STATEMENT EXECUTE FUNCTION postrider_internal.refuse_truncate();

-- Comments

comment on schema postrider is 'Postrider, a transactional outbox: rows inserted into postrider.outbox become signed webhooks.';

comment on schema postrider_internal is 'The functions that Postrider calls itself: no tables, and nothing that a person calls.';

comment on table postrider.api_key is 'The keys of the API, made by postrider.create_api_key(). A key may do what its scopes say, and never more than the login of the API.';

comment on column postrider.api_key.id is 'Identifies the key, for postrider.revoke_api_key().';

comment on column postrider.api_key.name is 'What people call it; the audit shows it as on_behalf_of.';

comment on column postrider.api_key.scopes is E'What it may do: see the comment of postrider.api_scopes (\\dD+).';

comment on column postrider.api_key.key_hash is 'The SHA-256 of the key. The key itself is kept nowhere.';

comment on column postrider.api_key.created_at is 'When it was made.';

comment on column postrider.api_key.created_by is 'The database role that made it.';

comment on column postrider.api_key.expires_at is 'Until when it is valid; null for no end.';

comment on column postrider.api_key.last_used_at is 'When it was last used, to the minute; null if it never was.';

comment on table postrider.api_request is 'What the API answered to requests with an Idempotency-Key, for a day: one that is repeated gets the same answer and is not done again. What is shown once, such as a secret, is left out.';

comment on column postrider.api_request.id is 'The SHA-256 of who asked and of the Idempotency-Key.';

comment on column postrider.api_request.request_hash is 'The SHA-256 of the Idempotency-Key and of what was asked, so that another request with the same key is told apart.';

comment on column postrider.api_request.status is 'The HTTP status of the answer.';

comment on column postrider.api_request.answer is 'The body of the answer.';

comment on column postrider.api_request.created_at is 'When it was answered.';

comment on table postrider.api_session is 'Browsers that are logged in to the dashboard with a key, and links that log one in. They end with the key.';

comment on column postrider.api_session.id is 'Identifies the session.';

comment on column postrider.api_session.api_key_id is 'The key whose scopes it has.';

comment on column postrider.api_session.token_hash is 'The SHA-256 of what the browser keeps in a cookie; null for a link.';

comment on column postrider.api_session.link_hash is 'The SHA-256 of what a link has in it, which logs in once; null once it has.';

comment on column postrider.api_session.created_at is 'When it was made.';

comment on column postrider.api_session.expires_at is 'Until when it is valid.';

comment on table postrider.audit is 'What operators did, by function or by editing a table: one row an action, with what was there before and after. It never contains a secret or the value of a header.';

comment on column postrider.audit.id is 'Identifies the row; ordered by time.';

comment on column postrider.audit.at is 'When it was done.';

comment on column postrider.audit.transaction_id is 'The transaction that did it; actions done together have the same one.';

comment on column postrider.audit.actor is 'The database role that logged in and did it; a daemon acts under its own.';

comment on column postrider.audit.acting_as is 'The role that it had taken by set role; null if none.';

comment on column postrider.audit.action is 'The function that was called; for an edit by hand, insert, update or delete and the table, as in update endpoint.';

comment on column postrider.audit.endpoint_id is 'The endpoint it was about.';

comment on column postrider.audit.event_id is 'The event it was about.';

comment on column postrider.audit.detail is 'What was asked for, including the reason.';

comment on column postrider.audit.before is 'The columns that were changed or deleted, as they were; subscriptions and secrets in separate lists.';

comment on column postrider.audit.after is 'The same columns as they became, or what was added.';

comment on column postrider.audit.on_behalf_of is 'For whom the API did it: the name of the key. It is the setting postrider.on_behalf_of, which any session can set: actor is who logged in.';

comment on table postrider.cancellation is 'Deliveries that were cancelled while a daemon had them in hand: a record never makes them pending again. A row is deleted when its delivery has ended; most of the time there is none.';

comment on column postrider.cancellation.event_id is 'The event.';

comment on column postrider.cancellation.endpoint_id is 'The endpoint.';

comment on column postrider.cancellation.reason is 'The reason that the delivery will have.';

comment on column postrider.cancellation.requested_at is 'When it was cancelled.';

comment on table postrider.claim is 'What daemons have claimed. The newest row is the cursor over the outbox; rows with pairs record the first attempts that a daemon has in hand.';

comment on column postrider.claim.id is 'Order of claiming.';

comment on column postrider.claim.base is 'Every transaction visible in this snapshot has been claimed, except for what is aside.';

comment on column postrider.claim.target is 'The snapshot up to which events are being claimed page by page; null when the window is complete.';

comment on column postrider.claim.after_xid is 'The transaction at which the page stopped.';

comment on column postrider.claim.after_seq is 'The event of that transaction at which the page stopped.';

comment on column postrider.claim.aside_xids is 'Transactions with more events than a page, which claims read in turns with what came after them. The other columns have passed them. Null if there are none.';

comment on column postrider.claim.aside_seqs is 'The event of each of these transactions at which the last page stopped.';

comment on column postrider.claim.daemon_id is 'The daemon that has the pairs in hand.';

comment on column postrider.claim.claimed_at is 'When.';

comment on column postrider.claim.event_ids is 'Events of the pairs whose first attempt runs from the daemon''s memory.';

comment on column postrider.claim.endpoint_ids is 'Endpoints of the same pairs.';

comment on column postrider.claim.xid is 'The transaction that wrote the row last. If the row''s xmin is another one, the row was restored or replicated, and its snapshots are of another cluster.';

comment on table postrider.claim_lock is 'Empty. A daemon locks it while it claims new events, so that one claims at a time. Nothing is granted on it.';

comment on table postrider.daemon is 'The daemons that run, one row each. A clean stop deletes the row.';

comment on column postrider.daemon.id is 'Made at each start, and again if the lease was lost.';

comment on column postrider.daemon.host is 'Name of the machine or container.';

comment on column postrider.daemon.pid is 'Process id there.';

comment on column postrider.daemon.version is 'Version of the program.';

comment on column postrider.daemon.started_at is 'When it started.';

comment on column postrider.daemon.beat_at is 'When it was last seen.';

comment on column postrider.daemon.lease_expires_at is 'When other daemons take over its claims, unless it is seen again before.';

comment on column postrider.daemon.in_flight is 'Requests in progress at its last beat.';

comment on column postrider.daemon.waiting is 'First attempts that were waiting in its memory at its last beat.';

comment on column postrider.daemon.condition is 'What it reported at its last beat; the worst if there are several. well; not_recording: results cannot be written, are kept and tried again, and nothing is claimed; not_claiming: events and deliveries cannot be claimed; not_sending: sending is switched off, in postrider.sending; blind: no notification reaches it, and it looks once in a poll interval.';

comment on column postrider.daemon.condition_since is 'Since when it has not been well; null if it is.';

comment on column postrider.daemon.condition_reason is 'What keeps it from its work, in the latest words of Postgres or the link; null if it is well.';

comment on column postrider.daemon.encryption_key_ids is 'The ids of the encryption keys that it has. Nothing is sealed with a key that a daemon lacks.';

comment on column postrider.daemon.public_url is 'Where receivers reach its listener (POSTRIDER_PUBLIC_URL); null if they do not. Thin events need one.';

comment on table postrider.daemon_hour_part is 'What was added to an hour over all endpoints: the sum of postrider.daemon_minute, and minutes that came later. Sum it: for the hours since postrider.hour_cursor there are only the minutes.';

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

comment on column postrider.daemon_hour_part.sent_again is 'How many of the attempts were of deliveries that were sent again by hand or by a replay.';

comment on column postrider.daemon_hour_part.failed_again is 'How many of sent_again failed.';

comment on column postrider.daemon_hour_part.excused is 'How many of exhausted and discarded count against no objective, as in postrider.endpoint_minute.';

comment on column postrider.daemon_hour_part.failures is 'Failed attempts by status or failure_kind, as in postrider.endpoint_minute.';

comment on column postrider.daemon_hour_part.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';

comment on column postrider.daemon_hour_part.delay_ms is 'Successes by the time since they were due, as in postrider.endpoint_minute.';

comment on table postrider.daemon_minute is 'What each daemon did in each minute of its life, over all endpoints: mostly one row, two if it stopped or changed its id. Rows are only added. Sum it for the whole: it is cheap however many endpoints there are. In a minute without a row no daemon lived, or none reached Postgres.';

comment on column postrider.daemon_minute.minute is 'When the minute began, by the clock of Postgres.';

comment on column postrider.daemon_minute.part_id is 'Made by the daemon, so that appending twice adds nothing.';

comment on column postrider.daemon_minute.daemon_id is 'The daemon; null for deliveries that a function discarded.';

comment on column postrider.daemon_minute.request_ms_total is 'Milliseconds that the attempts took, in all.';

comment on column postrider.daemon_minute.claimed is 'Events that it claimed. Null if that is not known, because postrider.rebuild_minutes() added the row.';

comment on column postrider.daemon_minute.succeeded_first is 'Deliveries that succeeded at their first attempt.';

comment on column postrider.daemon_minute.succeeded_later is 'Deliveries that succeeded at a later attempt.';

comment on column postrider.daemon_minute.failed is 'Attempts that failed.';

comment on column postrider.daemon_minute.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';

comment on column postrider.daemon_minute.discarded is 'Deliveries that were discarded.';

comment on column postrider.daemon_minute.sent_again is 'How many of the attempts were of deliveries that were sent again by hand or by a replay.';

comment on column postrider.daemon_minute.flushes is 'Transactions in which it recorded results; null if that is not known.';

comment on column postrider.daemon_minute.in_flight_max is 'The most requests that were in progress when the minute began or results were recorded; null if that is not known.';

comment on column postrider.daemon_minute.waiting_max is 'The most first attempts that were waiting in its memory when the minute began or results were recorded; null if that is not known.';

comment on column postrider.daemon_minute.failures is 'Failed attempts by status or failure_kind, as in postrider.endpoint_minute.';

comment on column postrider.daemon_minute.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';

comment on column postrider.daemon_minute.delay_ms is 'Successes by the time since they were due, as in postrider.endpoint_minute.';

comment on column postrider.daemon_minute.failed_again is 'How many of sent_again failed.';

comment on column postrider.daemon_minute.excused is 'How many of exhausted and discarded count against no objective, as in postrider.endpoint_minute.';

comment on column postrider.daemon_minute.sent_bytes is 'Bytes of request bodies that were sent, without headers; null if it is not known.';

comment on table postrider.delivery is 'One event for one endpoint: what has finished, and what waits. A first attempt in progress has no row yet; postrider.delivery_status shows it.';

comment on column postrider.delivery.event_id is 'The event, postrider.outbox.id.';

comment on column postrider.delivery.endpoint_id is 'The endpoint.';

comment on column postrider.delivery.created_at is 'When this row was written.';

comment on column postrider.delivery.finished_at is 'When it succeeded, was exhausted or was discarded.';

comment on column postrider.delivery.next_attempt_at is 'When the next attempt is due; while an attempt is in progress, when its lease ends. Null once finished.';

comment on column postrider.delivery.lease_expires_at is 'Until when the daemon in leased_by may work on it; null if none does.';

comment on column postrider.delivery.leased_by is 'The daemon that is working on it.';

comment on column postrider.delivery.attempts is 'Attempts made so far.';

comment on column postrider.delivery.attempts_before is 'Attempts made before redeliver or a replay restarted the retry schedule.';

comment on column postrider.delivery.first_started_at is 'When the first attempt started, by the daemon''s clock. Only one that a daemon made right after the claim, and that succeeded, is recorded here; postrider.attempt shows it with all others.';

comment on column postrider.delivery.first_endpoint_revision is 'The revision of the endpoint that it used.';

comment on column postrider.delivery.first_duration_ms is 'Milliseconds until its answer was read.';

comment on column postrider.delivery.first_http_status is 'The status of the response.';

comment on column postrider.delivery.first_requests is 'How many HTTP requests it made; null for one.';

comment on column postrider.delivery.first_attempt_id is 'Identifies it; null if no first attempt is recorded here.';

comment on column postrider.delivery.first_daemon_id is 'The daemon that made it.';

comment on column postrider.delivery.batch_id is 'The batch in which it was last leased, and in which it is sent again while it is pending; null if it was sent alone. The deliveries that share it are the members of the batch, and the id follows from them.';

comment on column postrider.delivery.state is 'pending; succeeded; exhausted: the retry schedule is used up, or the endpoint gives up on the answer; discarded: ended by an operator, or with its endpoint.';

comment on column postrider.delivery.reason is 'Why it was discarded, or exhausted before its retry schedule was used up. A replay keeps it until the delivery ends anew.';

comment on column postrider.delivery.replay_id is 'The replay that last made this delivery pending, or created it. Its attempts do not count for the endpoint''s health. Null for all others.';

comment on column postrider.delivery.state_before is 'Its state before that replay, which it gets back if the replay is cancelled; null if there was no delivery.';

comment on column postrider.delivery.first_response_headers is 'Headers of the response, as far as they are kept (16 KiB together with the body).';

comment on column postrider.delivery.first_response_body is 'The beginning of the response''s body, as text; U+FFFD replaces NUL and what is not UTF-8.';

comment on column postrider.delivery.is_counted is 'Whether its lease counts for the limits of its endpoint; of a batch one delivery counts. Null if the endpoint had no limit when it was leased.';

comment on column postrider.delivery.is_asked is 'Whether redeliver() or send_test_event() asks for its next attempt, which then does not wait for a circuit; null otherwise.';

comment on column postrider.delivery.ordering_key is 'The ordering key of its event, if the endpoint is ordered: events of one key are sent one at a time. Null if it is sent in any order.';

comment on column postrider.delivery.ordering_seq is 'Its place among the deliveries of that key: postrider.outbox.seq. Null without a key.';

comment on column postrider.delivery.halts is 'Whether its key is halted while it is exhausted, as the endpoint''s when_exhausted said when that happened. postrider.skip() ends that.';

comment on column postrider.delivery.pull_place is 'Its place in what the receiver of a pull endpoint fetches, given when it was due and asked for. Sent again, it gets a later one. Null for any other delivery.';

comment on table postrider.delivery_default is 'Deliveries of events outside every day''s partition.';

comment on table postrider.endpoint is 'Where events go: a URL and how to talk to it. Made by postrider.create_endpoint. You can also edit it directly: daemons see an edit within moments, and the audit keeps what was before.';

comment on column postrider.endpoint.id is 'Identifies the endpoint.';

comment on column postrider.endpoint.tenant is 'Owner of the endpoint, at most 255 characters. The endpoint gets events of this tenant only.';

comment on column postrider.endpoint.name is 'What people call it: 1 to 255 characters, unique within its tenant. postrider.endpoint_id(name, tenant) finds it. Null for none.';

comment on column postrider.endpoint.description is 'What it is for, at most 10000 characters; null for nothing.';

comment on column postrider.endpoint.url is 'Absolute http or https URL with a host, at most 2048 long, without blanks, backslash, fragment, user and password: put a password into headers, as authorization. The daemon decides when it connects whether the address is allowed. Null if its kind is pull.';

comment on column postrider.endpoint.shown_url is 'The URL without its query: what readers may see, because a query may hold a token. Null if its kind is pull. Filled in.';

comment on column postrider.endpoint.format is 'standard: {"type", "timestamp", "data"} around the payload. raw: the payload alone. cloudevents: CloudEvents 1.0 in JSON, all of it in the body. cloudevents-binary: the payload, and the event''s attributes in headers ce-..., which no signature covers. xml: the standard envelope in XML, the payload as fn:json-to-xml writes it. cloudevents-xml: CloudEvents in XML.';

comment on column postrider.endpoint.timeout_ms is 'Time limit of a whole request, from connecting to the last byte read: a whole number of milliseconds, 100 to 120000.';

comment on column postrider.endpoint.retry_schedule is 'Waits between attempts: at most 50 intervals of 1 ms to 30 days, such as 5 s, 5 min and 2 h. Each is varied by up to 20 %. After the last attempt the delivery is exhausted; without waits there is one attempt.';

comment on column postrider.endpoint.headers is 'Extra request headers: an object of names and texts, such as {"authorization": "Bearer ..."}. They can replace content-type and user-agent. A value that begins with $ is a path, such as $.order.id or $event.tenant, and one that begins with $$ stands for itself, with one $. Refused are those that the sender sets: host, webhook-..., postrider-..., traceparent, proxy-..., and what frames or encodes a request; and two spellings of one.';

comment on column postrider.endpoint.disable_after is 'The endpoint is disabled after nothing but failures for this long: 1 minute to 1 year, null for never. postrider.endpoint_health shows what counts.';

comment on column postrider.endpoint.state is 'active; paused: its deliveries wait; disabled: it gets no new deliveries, and pending ones are discarded.';

comment on column postrider.endpoint.state_reason is 'Why the endpoint is paused or disabled.';

comment on column postrider.endpoint.state_changed_at is 'When state last changed.';

comment on column postrider.endpoint.paused_at is 'While it is disabled: since when it had been paused, which enable_endpoint gives back. Null if it was not. Kept by a trigger.';

comment on column postrider.endpoint.pause_reason is 'Why it had been paused. Kept by a trigger.';

comment on column postrider.endpoint.revision is 'Counts changes of the endpoint and its secrets, so that daemons notice them. Kept by a trigger.';

comment on column postrider.endpoint.created_at is 'When the endpoint was made.';

comment on column postrider.endpoint.updated_at is 'When it was last changed. Kept by a trigger.';

comment on column postrider.endpoint.signing is 'What signs its requests: hmac, with secrets that the receiver has, too; ed25519, with keys of which the receiver has only the public half; both. A daemon makes the ed25519 keys, and deliveries wait for them.';

comment on column postrider.endpoint.payload is 'What is sent in the place of the payload: an SQL/JSON path, such as $.order or $.items[*], or JSON in which each text that begins with $ is a path, such as {"id": "$.order_id", "event": "$event.id"}. Null for the payload as it is.';

comment on column postrider.endpoint.payload_fallback is 'What becomes of an event that payload, or a path in headers, cannot be applied to. discard: it is discarded, with the reason; whole: its payload is sent as it is, without the headers that have paths.';

comment on column postrider.endpoint.transforms is 'Whether payload or headers hold a path, so that its events go through the queue. Filled in.';

comment on column postrider.endpoint.has_transformed is 'Whether that was ever so, and a delivery may have something stored in postrider.transformation. Kept by a trigger.';

comment on column postrider.endpoint.batch_size is 'How many events a request may have: 1 to 1000. Above 1 the body is a JSON array, also of a single event, and events wait up to batch_delay_ms for others. The formats standard and cloudevents can be batched.';

comment on column postrider.endpoint.batch_delay_ms is 'How long an event waits for its batch to fill: a whole number of milliseconds, 0 to 600000. A full batch is sent at once. It matters only if there are batches.';

comment on column postrider.endpoint.encryption_key is 'The receiver''s public key, to which bodies are encrypted before they are signed: a JWK of X25519 or P-256 (ECDH-ES+A256KW) or of RSA with 3072 to 8192 bits (RSA-OAEP-256). Null to send them in the clear. Private and symmetric keys are refused. Headers are never encrypted.';

comment on column postrider.endpoint.max_in_flight is 'How many requests may be in progress at a time, over all daemons: 1 to 100000; null for as many as the daemons have room for. A batch is one request.';

comment on column postrider.endpoint.rate_limit is 'How many requests may be sent per second, over all daemons: 0.001 to 100000, such as 50 or 0.2; null for as many as there are. Retries count, and a batch is one request.';

comment on column postrider.endpoint.rate_burst is 'How many requests may be sent at once after a rest, if the rate is limited: 1 to 100000; null for those of one second, at least one.';

comment on column postrider.endpoint.receiver_rate is 'How many requests per second its receiver allows, as it said in the handshake; null if it named no rate. Kept by daemons and a trigger.';

comment on column postrider.endpoint.effective_rate is 'The rate that daemons keep: the smaller of rate_limit and receiver_rate; null if it has neither. Filled in.';

comment on column postrider.endpoint.is_limited is 'Whether daemons must agree before they send to it, so that its events go through the queue. Filled in.';

comment on column postrider.endpoint.retry_on is 'The only statuses that are retried: a list of statuses and classes, such as {429,5xx}. Any other status exhausts the delivery at once. Attempts without an answer are always retried. Null to retry every status; 410 disables the endpoint in any case.';

comment on column postrider.endpoint.give_up_on is 'Statuses that exhaust a delivery at once: a list of statuses and classes, such as {400,404,422} or {4xx}. No status may be in both lists; 410 disables the endpoint in any case.';

comment on column postrider.endpoint.circuit_opened_at is 'When daemons stopped sending to it, but for probes, because it kept failing; null while they send. postrider.endpoint_health says more. Kept by daemons; an edit of the endpoint closes the circuit.';

comment on column postrider.endpoint.auth is 'How the receiver knows who sends: {"type": "basic", "username", "password"}, {"type": "bearer", "token"}, {"type": "header", "name", "value"} or {"type": "oauth2", "token_url", "client_id", "client_secret"} with scope, audience and token_endpoint_auth_method if you like. Null for nothing. Only what is no secret stays here: the rest goes to postrider.endpoint_secret, where daemons alone read it. To change any of it, write the whole anew.';

comment on column postrider.endpoint.client_certificate is 'What is shown to a receiver that asks in the TLS handshake who connects: {"certificate", "key"} in PEM, the certificate with its chain behind it, the key without a passphrase. Null for nothing. Only the certificates stay here: the key goes to postrider.endpoint_secret, where daemons alone read it. To change any of it, write the whole anew.';

comment on column postrider.endpoint.ordered is 'Whether events with the same ordering_key are sent one at a time, in the order of their commits. Events without a key are sent in any order. Takes no batches. It holds for events that are claimed after it was set; of those that wait, it puts in order what is due.';

comment on column postrider.endpoint.when_exhausted is 'What follows if the endpoint is ordered and an event is exhausted: continue, so that the next event of its key is sent; or halt, so that its key waits until the event is delivered after all, or passed over by postrider.skip(). It holds for events that are exhausted after it was set: continue frees no key that is halted already.';

comment on column postrider.endpoint.handshake is 'Whether deliveries wait until the receiver consents to them, by the handshake of CloudEvents'' webhook specification: a daemon sends OPTIONS to the URL, and the receiver answers with WebHook-Allowed-Origin. It is repeated if the URL changes.';

comment on column postrider.endpoint.handshake_state is 'wanted: the receiver is to be asked; granted; refused: it did not consent, and is asked again. Null without a handshake. postrider.endpoint_handshake has the times and the reason. Kept by daemons and a trigger.';

comment on column postrider.endpoint.inline_limit is 'Payloads of more bytes are not in the request, which has a signed URL in their place, from which the receiver fetches them: 0 to 67108864, such as 262144; 0 for all of them. Null to send them, and to discard those of more than 64 MiB. It needs POSTRIDER_PUBLIC_URL on the daemons, and goes neither with a transformation of the payload nor with encryption.';

comment on column postrider.endpoint.kind is 'push: daemons send its events to its url; pull: it has no url, and its receiver fetches its events from the listener, with a token that postrider.create_pull_token() makes. It stays what it was created as.';

comment on table postrider.endpoint_failure is 'Endpoints that have ever failed, and whether they still do; postrider.endpoint_health shows it. It is a separate table without a foreign key to endpoint, because people edit and lock that table and a daemon must not wait for them. A success writes here only if it ends a failure.';

comment on column postrider.endpoint_failure.endpoint_id is 'The endpoint, which may have been deleted since.';

comment on column postrider.endpoint_failure.consecutive_failures is 'Failed attempts since the last success; 0 after one.';

comment on column postrider.endpoint_failure.failing_since is 'When the first of them was recorded; null after a success.';

comment on column postrider.endpoint_failure.last_failure_at is 'When the last failure was recorded.';

comment on column postrider.endpoint_failure.last_failure_kind is 'How that attempt failed, as in postrider.attempt.';

comment on column postrider.endpoint_failure.last_http_status is 'The status that came back; null if none did.';

comment on column postrider.endpoint_failure.last_error is 'What went wrong, in a sentence.';

comment on column postrider.endpoint_failure.recovered_at is 'When a success last ended a series of failures.';

comment on column postrider.endpoint_failure.announced_at is 'When the present series of failures was noted in the audit, and told of by an event postrider.endpoint.failing; null if it was not.';

comment on column postrider.endpoint_failure.next_probe_at is 'While its circuit is open: from when one delivery is sent to see whether it works again; null otherwise.';

comment on column postrider.endpoint_failure.probe_gap is 'How long the next probe waits for if that one fails; it doubles with each.';

comment on column postrider.endpoint_failure.probe_event_id is 'The event that was sent as the last probe; null if there was none, or it has failed.';

comment on column postrider.endpoint_failure.probe_until is 'When the lease of that probe ends: until then there is no other.';

comment on table postrider.endpoint_five_minutes_part is 'What was added to five minutes of an endpoint: the sum of its minutes, and minutes that came later. Kept for a day, for postrider.chart(). Sum it: for the hours since postrider.hour_cursor there are only the minutes.';

comment on column postrider.endpoint_five_minutes_part.began_at is 'When the five minutes began, by the clock of Postgres.';

comment on column postrider.endpoint_five_minutes_part.endpoint_id is 'The endpoint.';

comment on column postrider.endpoint_five_minutes_part.part_id is 'Of a minute that came later, its part_id; 0 of the sum of the others.';

comment on column postrider.endpoint_five_minutes_part.succeeded_first is 'Deliveries that succeeded at their first attempt.';

comment on column postrider.endpoint_five_minutes_part.succeeded_later is 'Deliveries that succeeded at a later attempt.';

comment on column postrider.endpoint_five_minutes_part.failed is 'Attempts that failed.';

comment on column postrider.endpoint_five_minutes_part.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';

comment on column postrider.endpoint_five_minutes_part.discarded is 'Deliveries that were discarded.';

comment on column postrider.endpoint_five_minutes_part.sent_again is 'How many of the attempts were of deliveries that were sent again by hand or by a replay.';

comment on column postrider.endpoint_five_minutes_part.failures is 'Failed attempts by status or failure_kind, as in postrider.endpoint_minute.';

comment on column postrider.endpoint_five_minutes_part.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';

comment on column postrider.endpoint_five_minutes_part.delay_ms is 'Successes by the time since they were due, as in postrider.endpoint_minute.';

comment on table postrider.endpoint_handshake is 'One row for each endpoint with a handshake: when its receiver was asked for its consent, and what it said. postrider.endpoint.handshake_state is what follows from it.';

comment on column postrider.endpoint_handshake.endpoint_id is 'The endpoint.';

comment on column postrider.endpoint_handshake.next_at is 'When the receiver is asked again; null once it has consented, and while the endpoint is disabled. While a daemon asks, when another one would.';

comment on column postrider.endpoint_handshake.asked_at is 'When its last answer was recorded, or that there was none.';

comment on column postrider.endpoint_handshake.granted_at is 'When it last consented; null if it did not, or to another URL.';

comment on column postrider.endpoint_handshake.allowed_rate is 'How many requests per minute it allows (WebHook-Allowed-Rate); null if it named no number. postrider.endpoint.receiver_rate is the same per second.';

comment on column postrider.endpoint_handshake.refusals is 'How often in a row it did not consent.';

comment on column postrider.endpoint_handshake.http_status is 'The status of its last answer; null if there was none. A status alone is no consent.';

comment on column postrider.endpoint_handshake.reason is 'Why it counts as refused; null after a consent.';

comment on table postrider.endpoint_hour_part is 'What was added to an hour of an endpoint: the sum of its minutes, and minutes that came later. Read postrider.endpoint_hour, which sums the parts.';

comment on column postrider.endpoint_hour_part.hour is 'When the hour began, by the clock of Postgres.';

comment on column postrider.endpoint_hour_part.endpoint_id is 'The endpoint.';

comment on column postrider.endpoint_hour_part.part_id is 'Of a minute that came later, its part_id; 0 of the sum of the others.';

comment on column postrider.endpoint_hour_part.request_ms_total is 'Milliseconds that the attempts took, in all.';

comment on column postrider.endpoint_hour_part.sent_bytes is 'Bytes of request bodies that were sent, without headers. Null if that is not known.';

comment on column postrider.endpoint_hour_part.succeeded_first is 'Deliveries that succeeded at their first attempt.';

comment on column postrider.endpoint_hour_part.succeeded_later is 'Deliveries that succeeded at a later attempt.';

comment on column postrider.endpoint_hour_part.failed is 'Attempts that failed.';

comment on column postrider.endpoint_hour_part.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';

comment on column postrider.endpoint_hour_part.discarded is 'Deliveries that were discarded.';

comment on column postrider.endpoint_hour_part.sent_again is 'How many of the attempts were of deliveries that were sent again by hand or by a replay. delay_ms leaves them out.';

comment on column postrider.endpoint_hour_part.failed_again is 'How many of sent_again failed.';

comment on column postrider.endpoint_hour_part.excused is 'How many of exhausted and discarded count against no objective, as in postrider.endpoint_minute.';

comment on column postrider.endpoint_hour_part.failures is 'Failed attempts by status, or by failure_kind if there was none: {"503": 4, "timeout": 1}. Null if none failed.';

comment on column postrider.endpoint_hour_part.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';

comment on column postrider.endpoint_hour_part.delay_ms is 'Successes by the time since they were due, as in postrider.endpoint_minute.';

comment on table postrider.endpoint_minute_part is 'What daemons and functions have added to a minute of an endpoint. Read postrider.endpoint_minute, which sums the parts.';

comment on column postrider.endpoint_minute_part.minute is 'When the minute began, by the clock of Postgres.';

comment on column postrider.endpoint_minute_part.endpoint_id is 'The endpoint.';

comment on column postrider.endpoint_minute_part.part_id is 'Made by the daemon, so that appending twice adds nothing.';

comment on column postrider.endpoint_minute_part.request_ms_total is 'Milliseconds that the attempts took, in all.';

comment on column postrider.endpoint_minute_part.succeeded_first is 'Deliveries that succeeded at their first attempt.';

comment on column postrider.endpoint_minute_part.succeeded_later is 'Deliveries that succeeded at a later attempt.';

comment on column postrider.endpoint_minute_part.failed is 'Attempts that failed.';

comment on column postrider.endpoint_minute_part.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';

comment on column postrider.endpoint_minute_part.discarded is 'Deliveries that were discarded.';

comment on column postrider.endpoint_minute_part.sent_again is 'How many of the attempts were of deliveries that were sent again by hand or by a replay. delay_ms leaves them out.';

comment on column postrider.endpoint_minute_part.failures is 'Failed attempts by status, or by failure_kind if there was none: {"503": 4, "timeout": 1}. Null if none failed.';

comment on column postrider.endpoint_minute_part.request_ms is 'Attempts by duration: one count for each bound of postrider.request_ms_bounds(), up to and including it, and a last one beyond them. Zeros at the end are left out.';

comment on column postrider.endpoint_minute_part.delay_ms is 'Successes by the time since they were due, which is when the event was inserted, or its deliver_at: one count for each bound of postrider.delay_ms_bounds(), and a last one beyond them.';

comment on column postrider.endpoint_minute_part.failed_again is 'How many of sent_again failed.';

comment on column postrider.endpoint_minute_part.excused is 'How many of exhausted and discarded count against no objective: those that a person cancelled or erased, and those that were sent again by hand or by a replay.';

comment on column postrider.endpoint_minute_part.sent_bytes is 'Bytes of request bodies that were sent, without headers. Null in what postrider.rebuild_minutes() added, because they are not recorded with the attempt.';

comment on table postrider.endpoint_minute_part_default is 'Minutes outside every day''s partition.';

comment on table postrider.endpoint_pace is 'One row for each endpoint that has, or had, limits: a daemon that leases for the endpoint locks it, so that they take turns.';

comment on column postrider.endpoint_pace.endpoint_id is 'The endpoint.';

comment on column postrider.endpoint_pace.spent_until is 'Until when the requests sent so far would take at an even pace. A burst may run ahead of the clock. Without a rate it stands still.';

comment on column postrider.endpoint_pace.unsettled_since is 'When the endpoint came to have a limit: daemons may have deliveries in hand that they took without counting them. Null once there are none.';

comment on table postrider.endpoint_secret is 'The secrets that sign an endpoint''s requests: all that have not expired sign, the newest first. Also its credentials, which say to the receiver who sends.';

comment on column postrider.endpoint_secret.id is 'Identifies the secret.';

comment on column postrider.endpoint_secret.endpoint_id is 'The endpoint that it signs for.';

comment on column postrider.endpoint_secret.secret is 'For hmac, whsec_ and the base64 of 24 to 64 bytes; for ed25519, whsk_ and the base64 of the private and the public key, 32 bytes each, or null until a daemon has made them; for the others, what was written to the column of postrider.endpoint. If daemons have encryption keys, sealed:v1: with the id of the key and what it sealed. Never logged.';

comment on column postrider.endpoint_secret.created_at is 'When it was made.';

comment on column postrider.endpoint_secret.expires_at is 'When it expires, and signs no more; null for never, and for credentials.';

comment on column postrider.endpoint_secret.kind is 'hmac or ed25519 for one that signs; auth or client_certificate for what was written to the column of that name.';

comment on column postrider.endpoint_secret.public_key is 'For ed25519: whpk_ and the base64 of 32 bytes, which the receiver verifies with. Null until a daemon has made the key, and for hmac.';

comment on column postrider.endpoint_secret.credential_hash is 'Of a credential: a salted hash that takes milliseconds, which tells whether the same one is given again. Null for what signs.';

comment on table postrider.erasure is 'Tenants whose events are being erased, step by step, by postrider.erase_tenant() and by the daemons. A row is deleted when its tenant is done.';

comment on column postrider.erasure.tenant is 'The tenant.';

comment on column postrider.erasure.after_event is 'The cursor: everything up to this id has been looked at.';

comment on column postrider.erasure.events is 'How many events have been erased.';

comment on column postrider.erasure.requested_at is 'When it was requested; events inserted later are not erased.';

comment on column postrider.erasure.requested_by is 'The database role that requested it.';

comment on table postrider.event_type is 'The catalogue of event types. Written by postrider.define_event_type and drop_event_type, or by hand; daemons do not need it.';

comment on column postrider.event_type.name is 'The event type, as in postrider.outbox.event_type.';

comment on column postrider.event_type.description is 'What the event means, for people.';

comment on column postrider.event_type.json_schema is 'What its payloads look like: any JSON Schema, or one of the subset in sql/event-types.md if it is enforced. Null if that is not defined.';

comment on column postrider.event_type.enforce is 'Whether inserts fail if their payload does not fit the schema.';

comment on column postrider.event_type.deprecated is 'Whether it should no longer be used. For people and generated code; inserts still work.';

comment on column postrider.event_type.created_at is 'When it was first defined.';

comment on column postrider.event_type.updated_at is 'When its definition was last changed. Kept by a trigger.';

comment on column postrider.event_type.checks is 'The schema as it is checked: without annotations, with references resolved. Kept by a trigger.';

comment on column postrider.event_type.predicate is 'The same as an SQL/JSON path that finds something in a payload that fits; null if no path can express it. Kept by a trigger.';

comment on column postrider.event_type.value_steps is 'The most steps of 0.05 us that the predicate takes for a value of a payload. Kept by a trigger.';

comment on column postrider.event_type.object_steps is 'The most further steps that it takes for an object. Kept by a trigger.';

comment on column postrider.event_type.byte_steps is 'The most further steps that it takes for a byte. Kept by a trigger.';

comment on table postrider.event_type_policy is 'One row: whether events are accepted if their type is not in the catalogue. Set by postrider.refuse_unknown_event_types and allow_unknown_event_types, or by hand.';

comment on column postrider.event_type_policy.only_row is 'True.';

comment on column postrider.event_type_policy.unknown_types is 'allowed; refused: an insert fails if its event type is not in postrider.event_type. Postrider''s own types (postrider.*) are never refused.';

comment on column postrider.event_type_policy.changed_at is 'When this row or the catalogue was last changed. Kept by triggers.';

comment on table postrider.hour_cursor is 'One row: which hours postrider.maintain() has made of minutes.';

comment on column postrider.hour_cursor.is_row is 'True: there is one row.';

comment on column postrider.hour_cursor.made_until is 'Hours before this are in postrider.endpoint_hour_part, and only days of minutes before this may be dropped. Null if none was made yet.';

comment on table postrider.idempotency_key is 'Which event each idempotency key belongs to. Separate from the outbox, because a unique key of a partitioned table must contain the partition key.';

comment on column postrider.idempotency_key.tenant is 'The tenant within which the key is unique.';

comment on column postrider.idempotency_key.idempotency_key is 'The key as the application gave it.';

comment on column postrider.idempotency_key.event_id is 'The first event inserted with the key.';

comment on table postrider.ingest is 'How far each "postrider ingest" has read, written with the events. One row for each followed file, and one for each run that reads its input, while it runs. Publishers read the view postrider.ingest_position.';

comment on column postrider.ingest.name is 'Its name: --name, or else the host and the path of the file.';

comment on column postrider.ingest.role_name is 'The role that began it; members of that role may continue it.';

comment on column postrider.ingest.path is 'The file that is followed; null for standard input.';

comment on column postrider.ingest.run_id is 'The process that continues it, or was the last to.';

comment on column postrider.ingest.batch is 'How many batches the run has stored.';

comment on column postrider.ingest.file_id is 'Device and inode of the file that was read last, which may have been rotated since; null before the first line.';

comment on column postrider.ingest.file_modified_ns is 'When that file was last modified, in nanoseconds since 1970; rotated files that are newer have not been read. Null until something is stored.';

comment on column postrider.ingest.fingerprint is 'Digest of the first and the last kilobyte that was read of it, because inodes are used again and copies have others. Null if there is none.';

comment on column postrider.ingest.byte_offset is 'Where the next line begins.';

comment on column postrider.ingest.line_number is 'How many lines are before that in the file, empty ones included.';

comment on column postrider.ingest.lines is 'Lines read since the row was made, without empty ones.';

comment on column postrider.ingest.events is 'Lines that became events.';

comment on column postrider.ingest.unmatched is 'Lines that --where left out.';

comment on column postrider.ingest.refused is 'Lines that could not become events; the log of the ingest says where they are, and why.';

comment on column postrider.ingest.created_at is 'When the ingest began.';

comment on column postrider.ingest.updated_at is 'When it last stored something.';

comment on column postrider.ingest.file_born_ns is 'When that file was made, in nanoseconds since 1970; null if the file system does not tell. An inode and a time of birth are never used again.';

comment on column postrider.ingest.passed_born_ns is 'Files that were made at or before this are not read, unless they are in known_files.';

comment on column postrider.ingest.known_files is 'Other files that had the followed name or were read, the last 100: the file, when it was made and modified, how much of it was read, and the fingerprint of that.';

comment on table postrider.objective is 'Which share of deliveries is to arrive within which time, for an endpoint, a tenant, or all. The most specific one counts; without any it is 99.9 % within a minute. postrider.set_objective() writes it.';

comment on column postrider.objective.id is 'Identifies the objective.';

comment on column postrider.objective.tenant is 'For the endpoints of this tenant that have none of their own; null otherwise.';

comment on column postrider.objective.endpoint_id is 'For this endpoint; null otherwise.';

comment on column postrider.objective.target is 'The share that arrives in time: 0.999 for 999 of 1,000.';

comment on column postrider.objective.within is 'How long it may take, from when the delivery is due.';

comment on table postrider.ordered_walk is 'Of each ordered endpoint that has had deliveries, where the walk over its keys continues. A daemon locks the row while it leases, so that no two lease events of one key at once.';

comment on column postrider.ordered_walk.endpoint_id is 'The endpoint.';

comment on column postrider.ordered_walk.after_key is 'The key after which the walk continues; null if it begins anew.';

comment on table postrider.other_attempt is 'The attempts that are not recorded in their delivery: all but first attempts that a daemon made right after the claim and that succeeded. Rows are only added. Read postrider.attempt, which shows them all.';

comment on column postrider.other_attempt.event_id is 'The event that was sent.';

comment on column postrider.other_attempt.endpoint_id is 'The endpoint that it was sent to.';

comment on column postrider.other_attempt.id is 'Identifies the attempt; made by the daemon, so that recording it twice adds nothing.';

comment on column postrider.other_attempt.daemon_id is 'The daemon that made it.';

comment on column postrider.other_attempt.started_at is 'When it started, by the daemon''s clock.';

comment on column postrider.other_attempt.endpoint_revision is 'The revision of the endpoint that it used.';

comment on column postrider.other_attempt.attempt_number is 'First, second ... attempt of the delivery. After a crash two attempts can have the same number: both were sent.';

comment on column postrider.other_attempt.duration_ms is 'Milliseconds until the answer was read, or the attempt was given up.';

comment on column postrider.other_attempt.http_status is 'The status of the response; null if there was none.';

comment on column postrider.other_attempt.requests is 'How many HTTP requests it made; null for one.';

comment on column postrider.other_attempt.failure_kind is E'How the attempt failed; null on success. \\dD postrider.failure_kind lists the kinds.';

comment on column postrider.other_attempt.error is 'What went wrong, in a sentence.';

comment on column postrider.other_attempt.batch_id is 'The batch in which the event was sent; null if it was sent alone. What the receiver answered is recorded with one event of the batch.';

comment on column postrider.other_attempt.response_headers is 'Headers of the response, as far as they are kept (16 KiB together with the body).';

comment on column postrider.other_attempt.response_body is 'The beginning of the response''s body, as text; U+FFFD replaces NUL and what is not UTF-8.';

comment on table postrider.other_attempt_default is 'Attempts of events outside every day''s partition.';

comment on table postrider.outbox is 'The events that applications committed, one row each, never updated. Insert event_type and payload; the rest is filled in or optional.';

comment on column postrider.outbox.id is 'UUID version 7, filled in; receivers see it as webhook-id.';

comment on column postrider.outbox.xid is 'The transaction that inserted the row, filled in; claims read by it. Never write it.';

comment on column postrider.outbox.seq is 'Order of insertion, filled in; it orders the events of a transaction. Never write it.';

comment on column postrider.outbox.created_at is 'When the row was inserted, filled in; receivers see it as the envelope''s timestamp.';

comment on column postrider.outbox.deliver_at is 'The event is not sent before this time; null for at once.';

comment on column postrider.outbox.event_type is 'Words of letters, digits, _, -, / and :, joined by dots, such as order.paid; at most 255 characters. Decides which endpoints get the event.';

comment on column postrider.outbox.tenant is 'Owner of the event, at most 255 characters: only endpoints of the same tenant match. The empty string if an application has no tenants; null is taken as that.';

comment on column postrider.outbox.ordering_key is 'Which thing the event is about, for receivers that need the events of one thing in order: 1 to 255 characters, or null.';

comment on column postrider.outbox.idempotency_key is 'A second insert with the same key and tenant adds nothing. 1 to 255 characters, or null for none.';

comment on column postrider.outbox.attributes is 'Extra attributes of the event, a JSON object: traceparent, which becomes a header, and what the formats of CloudEvents send, such as subject and extensions. explain_event() names those that CloudEvents does not allow.';

comment on column postrider.outbox.payload is 'The event''s data. Sent exactly as written, byte for byte.';

comment on column postrider.outbox.test_endpoint_id is 'The one endpoint that gets the event, because it is a test: send_test_event() inserted it. Null for all others.';

comment on column postrider.outbox.erased_at is 'When its payload, attributes and keys were overwritten by erase_event(); it is not sent any more. Null for all others.';

comment on table postrider.outbox_default is 'Events outside every day''s partition. They are delivered like any other.';

comment on table postrider.portal_token is 'The tokens of the portal that are valid, made by postrider.create_portal_token(). A token shows and changes what belongs to its tenant, and nothing else.';

comment on column postrider.portal_token.id is 'Identifies the token.';

comment on column postrider.portal_token.tenant is 'The tenant whose endpoints and events it is for.';

comment on column postrider.portal_token.subject is 'Whom the application made it for; the audit shows it in on_behalf_of. Null if that was not said.';

comment on column postrider.portal_token.capabilities is E'What it may do: see the comment of postrider.portal_capabilities (\\dD+).';

comment on column postrider.portal_token.token_hash is 'The SHA-256 of the token. The token itself is kept nowhere.';

comment on column postrider.portal_token.created_at is 'When it was made.';

comment on column postrider.portal_token.created_by is 'The database role that made it.';

comment on column postrider.portal_token.expires_at is 'Until when it is valid.';

comment on table postrider.pull_position is 'One row for each pull endpoint whose receiver has asked for events: how far they were given to it, and how far it has acknowledged them. It is locked while places are given, so that they are committed in their order.';

comment on column postrider.pull_position.endpoint_id is 'The endpoint.';

comment on column postrider.pull_position.last_place is 'The last place that was given to a delivery (postrider.delivery.pull_place).';

comment on column postrider.pull_position.acknowledged_place is 'The place up to which all was acknowledged. A receiver that asks without a cursor gets what follows.';

comment on column postrider.pull_position.gone_place is 'The last place of a delivery that was acknowledged and is past its retention: a cursor before it is refused, because something behind it is gone.';

comment on column postrider.pull_position.server is 'The database, its cluster and its timeline when a place was last given. After a failover places continue far behind those that the former server may have given, because it may have given some that were lost.';

comment on column postrider.pull_position.cursor_key is 'Makes and checks cursors, so that none is accepted that was made for another endpoint.';

comment on column postrider.pull_position.given_at is 'When the receiver last got events that it had not got before.';

comment on column postrider.pull_position.acknowledged_at is 'When it last acknowledged some.';

comment on table postrider.pull_token is 'The tokens with which receivers fetch the events of pull endpoints. Several may be valid, so that one can be replaced without a pause.';

comment on column postrider.pull_token.id is 'Identifies the token, for postrider.revoke_pull_token().';

comment on column postrider.pull_token.endpoint_id is 'The endpoint.';

comment on column postrider.pull_token.token_hash is 'The SHA-256 of the token. The token itself is kept nowhere.';

comment on column postrider.pull_token.created_at is 'When it was made.';

comment on column postrider.pull_token.expires_at is 'Until when it is valid; null for no end.';

comment on table postrider.replay is 'Replays: ranges of events that an endpoint gets again. Made by postrider.replay() and advanced by the daemons; read them through postrider.replay_status.';

comment on column postrider.replay.id is 'Identifies the replay; ordered by time.';

comment on column postrider.replay.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.replay.since is 'Events inserted from this time on.';

comment on column postrider.replay.until is 'Events inserted before this time.';

comment on column postrider.replay.event_type is 'Which types of those that the endpoint is subscribed to: exact, a prefix such as order.*, or *.';

comment on column postrider.replay.states is 'Which of these events: those with a delivery to the endpoint in one of these states (discarded leaves out what is cancelled), and unmatched, without one.';

comment on column postrider.replay.state is 'preparing: deliveries are being made pending step by step; delivering: all are, and some are not finished; done; cancelled.';

comment on column postrider.replay.reason is 'Why it was cancelled; while it is in progress, what was wrong with its last step.';

comment on column postrider.replay.events is 'How many events it was to send when it was requested.';

comment on column postrider.replay.after_event is 'The cursor: everything up to this id has been looked at.';

comment on column postrider.replay.prepared is 'Deliveries that it has made or made pending again.';

comment on column postrider.replay.left_alone is 'Events of the range that were already on their way when their turn came.';

comment on column postrider.replay.exhausted is 'Deliveries that were exhausted again, without those in postrider.replay_failure.';

comment on column postrider.replay.discarded is 'Deliveries that were discarded meanwhile, without those in postrider.replay_failure.';

comment on column postrider.replay.restored is 'Deliveries that were not sent and got back their former state when it was cancelled.';

comment on column postrider.replay.pace is 'How many deliveries one step makes; it follows what the endpoint takes.';

comment on column postrider.replay.created_at is 'When it was requested.';

comment on column postrider.replay.progressed_at is 'When a step last found something to do.';

comment on column postrider.replay.next_step_at is 'When its next step is due.';

comment on column postrider.replay.finished_at is 'When it was done, or cancelled and none of its deliveries was in flight any more.';

comment on column postrider.replay.requested_by is 'The database role that requested it.';

comment on table postrider.replay_failure is 'Replayed deliveries that did not succeed and are not counted yet: a trigger adds them, and the next step adds them to postrider.replay. A separate table, so that no record waits for a counter.';

comment on column postrider.replay_failure.replay_id is 'The replay.';

comment on column postrider.replay_failure.state is 'exhausted or discarded.';

comment on table postrider.retention is 'One row: how long events are kept, with their deliveries, attempts and minutes, and how long the hours are. Change it: update postrider.retention set period = ''90 days''.';

comment on column postrider.retention.is_row is 'True: there is one row.';

comment on column postrider.retention.period is 'Days that are older than this are removed, once nothing in them is needed. Null: 30 days, until a daemon starts that is told POSTRIDER_RETENTION, which is written here.';

comment on column postrider.retention.changed_at is 'When it was last changed. Kept by a trigger.';

comment on column postrider.retention.changed_by is 'The database role that changed it. Kept by a trigger.';

comment on column postrider.retention.hours_period is 'How long postrider.endpoint_hour goes back: 400 days if you do not change it. Change it: update postrider.retention set hours_period = ''2 years''.';

comment on table postrider.schema_migration is 'The schema and upgrade files that made these tables, one row each. Written by "postrider migrate", or by the script it prints.';

comment on column postrider.schema_migration.version is 'The number of the file: 1, 2, 3 and so on, without gaps.';

comment on column postrider.schema_migration.name is 'The name of the file, without the ending.';

comment on column postrider.schema_migration.sha256 is 'The SHA-256 of the file as it was applied, with LF line ends. A program that has a different text refuses to work.';

comment on column postrider.schema_migration.breaking is 'Whether a daemon that does not know this file must stop.';

comment on column postrider.schema_migration.applied_at is 'When its transaction began.';

comment on column postrider.schema_migration.applied_by is 'The role that had logged in.';

comment on column postrider.schema_migration.postrider_version is 'The version of the program that applied or printed it.';

comment on column postrider.schema_migration.duration_ms is 'How long its statements took, in milliseconds.';

comment on table postrider.schema_object is 'The functions and views that are installed, one row a file. Written by "postrider migrate", or by the script it prints.';

comment on column postrider.schema_object.name is 'The name of the function or view, and of its file.';

comment on column postrider.schema_object.sha256 is 'The SHA-256 of the file as it was installed, with LF line ends. If it differs, the file is installed again.';

comment on column postrider.schema_object.grants is 'What grant_roles() grants on it, such as execute to reader, operator. Null if only the owner may use it.';

comment on column postrider.schema_object.triggers is 'The statements of the file that made its triggers. They run again only if they differ, because they lock the table.';

comment on column postrider.schema_object.fingerprint is 'A hash of the objects that the file made; it reveals a later edit by hand.';

comment on column postrider.schema_object.server_major is 'The major version of the server that made the fingerprint. Another one may write the same view differently.';

comment on column postrider.schema_object.installed_at is 'When the transaction began that installed it.';

comment on column postrider.schema_object.installed_by is 'The role that had logged in.';

comment on column postrider.schema_object.postrider_version is 'The newest version of the program that has migrated this database. An older program leaves the functions alone.';

comment on table postrider.sending is 'One row: whether daemons send from this database, and in which database of which cluster they do. Switch them off, here and wherever this row is copied to: update postrider.sending set is_on = false, reason = ''...''.';

comment on column postrider.sending.is_row is 'True: there is one row.';

comment on column postrider.sending.is_on is 'False: nothing is claimed and no request starts until it is true again; events are accepted and wait.';

comment on column postrider.sending.reason is 'Why it is off; cleared when it is switched on.';

comment on column postrider.sending.changed_at is 'When is_on or the reason was last changed. Kept by a trigger.';

comment on column postrider.sending.changed_by is 'The database role that changed it. Kept by a trigger.';

comment on column postrider.sending.is_guarded is 'Whether the cluster is identified by its system identifier. False only if pg_control_system() may not be called: a copy in another cluster is then not noticed unless its oid differs. A change forgets the home; if events were claimed, daemons stop until postrider.adopt() is called.';

comment on column postrider.sending.system_identifier is 'The cluster that daemons work in, by pg_control_system(). A restored or copied database still names the cluster it comes from, so daemons stop there until postrider.adopt() is called.';

comment on column postrider.sending.database_oid is 'The database of that cluster; null until a daemon has worked here.';

comment on column postrider.sending.home_since is 'When the first daemon began to work there, or the database was adopted.';

comment on table postrider.server_epoch is 'One row, which the first record after a crash or a failover writes anew. While its id stays the same, Postgres has lost no record, so a daemon knows that a claim is recorded without looking at its deliveries.';

comment on column postrider.server_epoch.is_row is 'True: there is one row.';

comment on column postrider.server_epoch.id is 'Identifies the epoch.';

comment on column postrider.server_epoch.since is 'When it began.';

comment on table postrider.subscription is 'Rules: events of these types, matching this filter, go to this endpoint. However many rules match, an endpoint gets one delivery of an event.';

comment on column postrider.subscription.id is 'Identifies the subscription.';

comment on column postrider.subscription.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.subscription.tenant is 'The endpoint''s tenant. Filled in.';

comment on column postrider.subscription.event_type is 'An event type, a prefix such as order.*, or * for all but postrider''s own.';

comment on column postrider.subscription.filter is 'An SQL/JSON path predicate over the payload, such as $.amount > 100; null for no filter. If the path gives no answer, the event does not match.';

comment on column postrider.subscription.created_at is 'When the subscription was made.';

comment on table postrider.transformation is 'What the transformation of an endpoint made of an event, for each delivery, before its first attempt. Every attempt sends this, until redeliver() or a replay has it made anew.';

comment on column postrider.transformation.event_id is 'The event.';

comment on column postrider.transformation.endpoint_id is 'The endpoint.';

comment on column postrider.transformation.created_at is 'When it was made.';

comment on column postrider.transformation.endpoint_revision is 'The revision of the endpoint whose option made it.';

comment on column postrider.transformation.problem is 'Why it could not be applied, so that the payload is sent whole; null if it was.';

comment on column postrider.transformation.headers is 'The headers that have paths, with what these found; null if there are none.';

comment on column postrider.transformation.payload is 'What is sent in the place of the payload; null if the payload is sent as it is.';

comment on table postrider.transformation_default is 'Transformations for events outside every day''s partition.';

comment on table postrider.unmatched_hour is 'Events that no endpoint got, by hour, tenant and type, of the hours that are made. For the hours since postrider.hour_cursor read postrider.unmatched_minute.';

comment on column postrider.unmatched_hour.hour is 'When the hour began, by the clock of Postgres.';

comment on column postrider.unmatched_hour.events is 'How many.';

comment on column postrider.unmatched_hour.event_type is 'Their type.';

comment on column postrider.unmatched_hour.tenant is 'Their tenant.';

comment on table postrider.unmatched_minute_part is 'Events that no endpoint got, as each claim found them. Read postrider.unmatched_minute, which sums the parts.';

comment on column postrider.unmatched_minute_part.minute is 'The minute in which they were claimed.';

comment on column postrider.unmatched_minute_part.part_id is 'Identifies the row.';

comment on column postrider.unmatched_minute_part.events is 'How many.';

comment on column postrider.unmatched_minute_part.event_type is 'Their type.';

comment on column postrider.unmatched_minute_part.tenant is 'Their tenant.';

comment on table postrider.unmatched_minute_part_default is 'Minutes outside every day''s partition.';

comment on view postrider.attempt is 'Every attempt that was made, and its result. Cheap for one event; for many, say since when: where event_id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';

comment on column postrider.attempt.event_id is 'The event that was sent.';

comment on column postrider.attempt.endpoint_id is 'The endpoint that it was sent to.';

comment on column postrider.attempt.id is 'Identifies the attempt.';

comment on column postrider.attempt.daemon_id is 'The daemon that made it.';

comment on column postrider.attempt.started_at is 'When it started, by the daemon''s clock.';

comment on column postrider.attempt.attempt_number is 'First, second ... attempt of the delivery. After a crash two attempts can have the same number: both were sent.';

comment on column postrider.attempt.duration_ms is 'Milliseconds until the answer was read, or the attempt was given up.';

comment on column postrider.attempt.http_status is 'The status of the response; null if there was none.';

comment on column postrider.attempt.failure_kind is E'How the attempt failed; null on success. \\dD postrider.failure_kind lists the kinds.';

comment on column postrider.attempt.error is 'What went wrong, in a sentence.';

comment on column postrider.attempt.response_headers is 'Headers of the response, as far as they are kept (16 KiB together with the body).';

comment on column postrider.attempt.response_body is 'The beginning of the response''s body, as text; U+FFFD replaces NUL and what is not UTF-8.';

comment on column postrider.attempt.requests is 'How many HTTP requests it made: 1; 2 if the first was written to a connection that the receiver had just closed; 0 if none could be written.';

comment on column postrider.attempt.endpoint_revision is 'The revision of the endpoint that it used.';

comment on column postrider.attempt.batch_id is 'The batch in which the event was sent; null if it was sent alone. What the receiver answered is shown with one event of the batch.';

comment on view postrider.backlog is 'What waits, by endpoint; the row without an endpoint counts events that no daemon has claimed yet. Counts up to 10,000 of each (100 of each once it has counted 100,000) and says if there are more, so it is cheap however much waits.';

comment on column postrider.backlog.endpoint_id is 'The endpoint; null for events that have not been claimed.';

comment on column postrider.backlog.tenant is 'The endpoint''s tenant.';

comment on column postrider.backlog.name is 'Its name.';

comment on column postrider.backlog.url is 'The endpoint''s URL, without user, password and query.';

comment on column postrider.backlog.endpoint_state is 'active, paused, disabled or deleted.';

comment on column postrider.backlog.pending is 'Deliveries that wait or are leased; for unclaimed events, their number. A lower bound if is_exact is false.';

comment on column postrider.backlog.due is 'Those whose time has come. A lower bound if it equals an inexact pending.';

comment on column postrider.backlog.oldest_at is 'When the oldest of their events was inserted, however many there are; for more unclaimed events than are counted, the oldest of those that are claimed next.';

comment on column postrider.backlog.oldest_age is 'How long ago that was.';

comment on column postrider.backlog.is_exact is 'False if there are more than were counted.';

comment on view postrider.capture_status is 'Which tables'' changes become events, one row a capture, read from their triggers. Made by postrider.capture, ended by postrider.uncapture or with the table.';

comment on column postrider.capture_status.table_name is 'The table.';

comment on column postrider.capture_status.event_type is 'The type of the events.';

comment on column postrider.capture_status.operations is 'Of insert, update and delete those that make events.';

comment on column postrider.capture_status.condition is 'Which changes make an event, as it was given to capture; null for all that change anything. Columns that were renamed since have their earlier names here.';

comment on column postrider.capture_status.payload is 'The expression for the payload; null for the default: operation, table, old and new.';

comment on column postrider.capture_status.ordering_key is 'The expression for the ordering key; null for none.';

comment on column postrider.capture_status.tenant is 'The expression for the tenant; null for the empty tenant.';

comment on column postrider.capture_status.function_name is 'The function of the triggers, made by capture.';

comment on column postrider.capture_status.runs_as is 'The role with whose rights the function acts: the owner of the table when it was captured.';

comment on column postrider.capture_status.problem is 'What keeps changes from becoming events, and what to do; null if nothing does.';

comment on view postrider.daemon_status is 'The daemons: whether each is alive, and what keeps it from its work.';

comment on column postrider.daemon_status.id is 'The daemon.';

comment on column postrider.daemon_status.host is 'Where it runs.';

comment on column postrider.daemon_status.pid is 'Its process id there.';

comment on column postrider.daemon_status.version is 'Version of the program.';

comment on column postrider.daemon_status.state is 'live; late: its beat is overdue, because it is frozen, gone or cut off, or Postgres takes no writes from it; lost: its lease has run out, and others take over its claims. A daemon that recovers from that continues under a new id.';

comment on column postrider.daemon_status.condition is 'What it reported at its last beat: well, not_recording, not_claiming, not_sending or blind; postrider.daemon says what they mean.';

comment on column postrider.daemon_status.condition_since is 'Since when it has not been well; null if it is.';

comment on column postrider.daemon_status.condition_reason is 'What keeps it from its work; null if it is well.';

comment on column postrider.daemon_status.started_at is 'When it started.';

comment on column postrider.daemon_status.beat_at is 'When it was last seen.';

comment on column postrider.daemon_status.lease_expires_at is 'When other daemons take over its claims.';

comment on column postrider.daemon_status.in_flight is 'Requests in progress at its last beat.';

comment on column postrider.daemon_status.waiting is 'First attempts waiting in its memory at its last beat.';

comment on column postrider.daemon_status.claims is 'Claims it has in hand.';

comment on view postrider.delivery_status is 'Every delivery and what became of it, including those whose first attempt is in progress. Cheap for one event; for many, say since when: where event_id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';

comment on column postrider.delivery_status.event_id is 'The event.';

comment on column postrider.delivery_status.endpoint_id is 'The endpoint.';

comment on column postrider.delivery_status.name is 'The endpoint''s name; null if it has none or was deleted.';

comment on column postrider.delivery_status.url is 'The endpoint''s URL, without user, password and query; null if it was deleted.';

comment on column postrider.delivery_status.event_type is 'The event''s type.';

comment on column postrider.delivery_status.tenant is 'The event''s tenant.';

comment on column postrider.delivery_status.state is 'pending, succeeded, exhausted or discarded.';

comment on column postrider.delivery_status.detail is 'The state, and for a pending delivery what it waits for: in flight, paused, retrying, scheduled, batching (for others to share its request), limited (due, but a limit of the endpoint is reached), deferred; ordered: an earlier event of its ordering key, and halted: one that halts the key, both in behind_event_id; circuit open: the endpoint keeps failing, and is sent only probes; unconsented: the receiver has not consented yet, see postrider.endpoint_handshake; keyless: a daemon has yet to make the endpoint''s ed25519 key; unfetched: the receiver of a pull endpoint has yet to fetch it, and unacknowledged: it has, or gets it with its next pages, and has not asked for what follows; cancelled: its last attempt is in progress.';

comment on column postrider.delivery_status.reason is 'Why it was discarded, or exhausted before its retry schedule was used up.';

comment on column postrider.delivery_status.attempts is 'Attempts recorded so far.';

comment on column postrider.delivery_status.last_http_status is 'The status that the last attempt got; null if none came back.';

comment on column postrider.delivery_status.last_error is 'What was wrong with the last attempt; null if nothing was.';

comment on column postrider.delivery_status.next_attempt_at is 'When the next attempt is due; while one is in progress, when its lease ends.';

comment on column postrider.delivery_status.created_at is 'When the delivery was created.';

comment on column postrider.delivery_status.finished_at is 'When it succeeded, was exhausted or was discarded.';

comment on column postrider.delivery_status.format is 'In which format the endpoint has its events now; null if it was deleted.';

comment on column postrider.delivery_status.transformation is 'Whether its payload or a header is what the endpoint''s transformation made of the event: applied, or not applied and why, in which case the payload is sent whole. Null if no transformation was looked at. If it was discarded for that, reason says so.';

comment on column postrider.delivery_status.batch_id is 'The batch in which it was last sent, and is sent again while it is pending; null if it was sent alone.';

comment on column postrider.delivery_status.behind_event_id is 'The event of the same ordering key that goes before it at an ordered endpoint; null if it waits for none.';

comment on column postrider.delivery_status.halts_key is 'Whether it is exhausted and halts its ordering key: postrider.skip() passes over it, postrider.redeliver() sends it again.';

comment on column postrider.delivery_status.is_thin is 'Whether its payload is larger than the inline_limit that the endpoint has now, so that the receiver fetches it.';

comment on view postrider.endpoint_health is 'Whether each endpoint fails, since when and how, and when that would disable it. Its cost depends on the number of endpoints, of minutes of the last hour in which they had attempts, of deliveries that failed for good (up to 10,000 an endpoint) and of those that halt a key (up to 10,000), not of those that succeeded. Failures of deliveries that were sent again by hand do not count; successes do.';

comment on column postrider.endpoint_health.endpoint_id is 'The endpoint.';

comment on column postrider.endpoint_health.name is 'Its name.';

comment on column postrider.endpoint_health.url is 'Its URL.';

comment on column postrider.endpoint_health.tenant is 'Its tenant.';

comment on column postrider.endpoint_health.state is 'active, paused or disabled.';

comment on column postrider.endpoint_health.state_reason is 'Why it is paused or disabled.';

comment on column postrider.endpoint_health.is_failing is 'Whether its last attempt failed.';

comment on column postrider.endpoint_health.failing_since is 'When the first failure after the last success was recorded; null if it does not fail.';

comment on column postrider.endpoint_health.consecutive_failures is 'Failed attempts since the last success, over all its deliveries.';

comment on column postrider.endpoint_health.last_failure_at is 'When the last failure was recorded, even if a success followed; null if there was none.';

comment on column postrider.endpoint_health.last_failure_kind is 'How that attempt failed, as in postrider.attempt.';

comment on column postrider.endpoint_health.last_http_status is 'The status of its response; null if there was none.';

comment on column postrider.endpoint_health.last_error is 'What went wrong, in a sentence.';

comment on column postrider.endpoint_health.recovered_at is 'When a success last ended a series of failures. Other successes are not noted, because each would cost a write.';

comment on column postrider.endpoint_health.exhausted is 'Its deliveries that are exhausted, as long as their events are kept; a lower bound from 10,000 on, see postrider.undelivered.';

comment on column postrider.endpoint_health.p50_ms is 'Half of its attempts of the last hour took at most so many milliseconds: a bound of postrider.request_ms_bounds(). Null if it had none; those of the present minute are counted when it is over. The recipe slowest_receivers has exact numbers.';

comment on column postrider.endpoint_health.p95_ms is 'The same for 95 of 100.';

comment on column postrider.endpoint_health.disabled_from is 'The first failure after this time disables it, unless a success comes first; null if it does not fail, is not active, or has no disable_after.';

comment on column postrider.endpoint_health.circuit is 'closed; open: it keeps failing, so its deliveries wait and only probes are sent; half-open: a probe is in progress.';

comment on column postrider.endpoint_health.circuit_opened_at is 'Since when its circuit is open; null if it is closed.';

comment on column postrider.endpoint_health.next_probe_at is 'From when the next probe is sent, if a delivery is due; null if its circuit is closed.';

comment on column postrider.endpoint_health.halted_keys is 'How many of its ordering keys an exhausted event halts; a lower bound if there are more than 10,000 over all endpoints. postrider.halted_key shows which, postrider.skip() and redeliver() free them.';

comment on column postrider.endpoint_health.halted_since is 'When the first of these was halted; null if there is none.';

comment on column postrider.endpoint_health.certificate_expires_at is 'Until when its client certificate is valid; null if it has none.';

comment on view postrider.endpoint_hour is 'What became of deliveries, by endpoint and hour, for ranges of days and longer: kept for 400 days, unless postrider.retention says otherwise. The sums of endpoint_minute, up to its last minute, so the present hour grows. Cheap for one endpoint, or for some days: say where hour > now() - interval ''30 days''.';

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

comment on column postrider.endpoint_hour.sent_again is 'How many of the attempts were of deliveries that were sent again by hand or by a replay. delay_ms leaves them out.';

comment on column postrider.endpoint_hour.failures is 'Failed attempts by status, or by failure_kind if there was none: {"503": 4, "timeout": 1}. Null if none failed.';

comment on column postrider.endpoint_hour.request_ms is 'Attempts by duration: one count for each bound of postrider.request_ms_bounds(), up to and including it, and a last one beyond them. Zeros at the end are left out.';

comment on column postrider.endpoint_hour.request_ms_total is 'Milliseconds that the attempts took, in all.';

comment on column postrider.endpoint_hour.delay_ms is 'Successes by the time since they were due, which is when the event was inserted, or its deliver_at: one count for each bound of postrider.delay_ms_bounds(), and a last one beyond them.';

comment on column postrider.endpoint_hour.failed_again is 'How many of sent_again failed.';

comment on column postrider.endpoint_hour.excused is 'How many of exhausted and discarded count against no objective: those that a person cancelled or erased, and those that were sent again by hand or by a replay.';

comment on column postrider.endpoint_hour.sent_bytes is 'Bytes of request bodies that were sent, without headers. What postrider.rebuild_minutes() added has none.';

comment on view postrider.endpoint_minute is 'What became of deliveries, by endpoint and minute. Daemons append to it once a minute, so the present one is missing, and a daemon that is killed takes its last one along, until postrider.rebuild_minutes(): use it for charts, not where a count must be exact. Cheap for one endpoint, or for the last hours: say where minute > now() - interval ''1 hour''.';

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

comment on column postrider.endpoint_minute.sent_again is 'How many of the attempts were of deliveries that were sent again by hand or by a replay. delay_ms leaves them out.';

comment on column postrider.endpoint_minute.failures is 'Failed attempts by status, or by failure_kind if there was none: {"503": 4, "timeout": 1}. Null if none failed.';

comment on column postrider.endpoint_minute.request_ms is 'Attempts by duration: one count for each bound of postrider.request_ms_bounds(), up to and including it, and a last one beyond them. Zeros at the end are left out.';

comment on column postrider.endpoint_minute.request_ms_total is 'Milliseconds that the attempts took, in all.';

comment on column postrider.endpoint_minute.delay_ms is 'Successes by the time since they were due, which is when the event was inserted, or its deliver_at: one count for each bound of postrider.delay_ms_bounds(), and a last one beyond them.';

comment on column postrider.endpoint_minute.failed_again is 'How many of sent_again failed.';

comment on column postrider.endpoint_minute.excused is 'How many of exhausted and discarded count against no objective: those that a person cancelled or erased, and those that were sent again by hand or by a replay.';

comment on column postrider.endpoint_minute.sent_bytes is 'Bytes of request bodies that were sent, without headers. What postrider.rebuild_minutes() added has none.';

comment on view postrider.halted_key is 'Ordering keys of which nothing is sent, because an event of the key was exhausted while the endpoint said when_exhausted = halt. postrider.redeliver() sends that event again, postrider.skip() passes over it.';

comment on column postrider.halted_key.endpoint_id is 'The endpoint.';

comment on column postrider.halted_key.tenant is 'Its tenant.';

comment on column postrider.halted_key.name is 'Its name; null if it has none.';

comment on column postrider.halted_key.url is 'Its URL, without user, password and query.';

comment on column postrider.halted_key.ordering_key is 'The key.';

comment on column postrider.halted_key.event_id is 'The event that halts it.';

comment on column postrider.halted_key.event_type is 'The type of that event; null if it is gone.';

comment on column postrider.halted_key.halted_at is 'When its last attempt failed.';

comment on column postrider.halted_key.waiting is 'How many events of the key wait behind it; 1000 if there are more.';

comment on view postrider.in_flight is 'Deliveries that a daemon has in hand: first attempts from its memory, and leased ones.';

comment on column postrider.in_flight.event_id is 'The event.';

comment on column postrider.in_flight.endpoint_id is 'The endpoint.';

comment on column postrider.in_flight.name is 'The endpoint''s name; null if it has none or was deleted.';

comment on column postrider.in_flight.url is 'The endpoint''s URL, without user, password and query; null if it was deleted.';

comment on column postrider.in_flight.attempt_number is 'Which attempt it is.';

comment on column postrider.in_flight.daemon_id is 'The daemon that has it in hand.';

comment on column postrider.in_flight.since is 'When it was claimed; null for a leased delivery.';

comment on column postrider.in_flight.lease_expires_at is 'Until when it is leased; null for a first attempt, which is held as long as its daemon beats.';

comment on column postrider.in_flight.batch_id is 'The batch in which it is sent; null if it is sent alone.';

comment on view postrider.ingest_position is 'How far each "postrider ingest" has read. Readers and operators see all of them, and publishers those that their login may continue: its own, those of roles that it is a member of, and those of roles that were dropped.';

comment on column postrider.ingest_position.name is 'Its name: --name, or else the host and the path of the file.';

comment on column postrider.ingest_position.role_name is 'The role that began it; members of that role may continue it.';

comment on column postrider.ingest_position.path is 'The file that is followed; null for standard input.';

comment on column postrider.ingest_position.run_id is 'The process that continues it, or was the last to.';

comment on column postrider.ingest_position.batch is 'How many batches the run has stored.';

comment on column postrider.ingest_position.file_id is 'Device and inode of the file that was read last, which may have been rotated since; null before the first line.';

comment on column postrider.ingest_position.file_modified_ns is 'When that file was last modified, in nanoseconds since 1970; rotated files that are newer have not been read. Null until something is stored.';

comment on column postrider.ingest_position.fingerprint is 'Digest of the first and the last kilobyte that was read of it, because inodes are used again and copies have others. Null if there is none.';

comment on column postrider.ingest_position.byte_offset is 'Where the next line begins.';

comment on column postrider.ingest_position.line_number is 'How many lines are before that in the file, empty ones included.';

comment on column postrider.ingest_position.lines is 'Lines read since the row was made, without empty ones.';

comment on column postrider.ingest_position.events is 'Lines that became events.';

comment on column postrider.ingest_position.unmatched is 'Lines that --where left out.';

comment on column postrider.ingest_position.refused is 'Lines that could not become events; the log of the ingest says where they are, and why.';

comment on column postrider.ingest_position.created_at is 'When the ingest began.';

comment on column postrider.ingest_position.updated_at is 'When it last stored something.';

comment on column postrider.ingest_position.file_born_ns is 'When that file was made, in nanoseconds since 1970; null if the file system does not tell. An inode and a time of birth are never used again.';

comment on column postrider.ingest_position.passed_born_ns is 'Files that were made at or before this are not read, unless they are in known_files.';

comment on column postrider.ingest_position.known_files is 'Other files that had the followed name or were read, the last 100: the file, when it was made and modified, how much of it was read, and the fingerprint of that.';

comment on view postrider.portal_answer is 'What the endpoints of the tenant whose token this transaction shows answered to each attempt. Cheap for one event.';

comment on column postrider.portal_answer.event_id is 'The event that was sent.';

comment on column postrider.portal_answer.endpoint_id is 'The endpoint that answered.';

comment on column postrider.portal_answer.id is 'The attempt.';

comment on column postrider.portal_answer.attempt_number is 'First, second ... attempt of the delivery.';

comment on column postrider.portal_answer.started_at is 'When the attempt started.';

comment on column postrider.portal_answer.http_status is 'The status of the response; null if there was none.';

comment on column postrider.portal_answer.response_headers is 'Headers of the response, as far as they are kept.';

comment on column postrider.portal_answer.response_body is 'The beginning of the response''s body, as text.';

comment on view postrider.portal_attempt is 'The attempts to send events of the tenant whose token this transaction shows to its endpoints, without what these answered. Cheap for one event; portal_failed_attempts() lists those that failed.';

comment on column postrider.portal_attempt.event_id is 'The event that was sent.';

comment on column postrider.portal_attempt.endpoint_id is 'The endpoint that it was sent to.';

comment on column postrider.portal_attempt.id is 'The attempt.';

comment on column postrider.portal_attempt.attempt_number is 'First, second ... attempt of the delivery.';

comment on column postrider.portal_attempt.started_at is 'When it started.';

comment on column postrider.portal_attempt.duration_ms is 'Milliseconds until the answer was read, or the attempt was given up.';

comment on column postrider.portal_attempt.http_status is 'The status of the response; null if there was none.';

comment on column postrider.portal_attempt.failure_kind is 'How the attempt failed; null on success.';

comment on column postrider.portal_attempt.error is 'What went wrong, in a sentence.';

comment on view postrider.portal_endpoint is 'The endpoints of the tenant whose token this transaction shows. The portal reads it.';

comment on column postrider.portal_endpoint.id is 'The endpoint.';

comment on column postrider.portal_endpoint.name is 'Its name; null if it has none.';

comment on column postrider.portal_endpoint.description is 'What it is for; null for nothing.';

comment on column postrider.portal_endpoint.url is 'Its URL, without the query; null for a pull endpoint.';

comment on column postrider.portal_endpoint.url_is_whole is 'Whether its URL has no more than that; null for a pull endpoint.';

comment on column postrider.portal_endpoint.kind is 'push or pull.';

comment on column postrider.portal_endpoint.format is 'The format of a request''s body.';

comment on column postrider.portal_endpoint.signing is 'How its requests are signed.';

comment on column postrider.portal_endpoint.header_names is 'The names of its extra headers.';

comment on column postrider.portal_endpoint.event_types is 'What it is subscribed to.';

comment on column postrider.portal_endpoint.timeout_ms is 'The time limit of a request.';

comment on column postrider.portal_endpoint.retry_schedule is 'The waits between attempts.';

comment on column postrider.portal_endpoint.disable_after is 'How long it may have nothing but failures; null for ever.';

comment on column postrider.portal_endpoint.state is 'active, paused or disabled.';

comment on column postrider.portal_endpoint.state_reason is 'Why it is paused or disabled.';

comment on column postrider.portal_endpoint.state_changed_at is 'When state last changed.';

comment on column postrider.portal_endpoint.is_failing is 'Whether its last attempt failed.';

comment on column postrider.portal_endpoint.failing_since is 'When the first failure after the last success was recorded; null if it does not fail.';

comment on column postrider.portal_endpoint.consecutive_failures is 'Failed attempts since the last success.';

comment on column postrider.portal_endpoint.last_failure_at is 'When the last failure was recorded; null if there was none.';

comment on column postrider.portal_endpoint.last_failure_kind is 'How that attempt failed.';

comment on column postrider.portal_endpoint.last_http_status is 'The status of its response; null if there was none.';

comment on column postrider.portal_endpoint.last_error is 'What went wrong, in a sentence.';

comment on column postrider.portal_endpoint.recovered_at is 'When a success last ended a series of failures.';

comment on column postrider.portal_endpoint.disabled_from is 'The first failure after this time disables it; null if nothing leads there.';

comment on column postrider.portal_endpoint.circuit_opened_at is 'Since when only probes are sent; null if everything is.';

comment on column postrider.portal_endpoint.next_probe_at is 'From when the next probe is sent; null if there is none.';

comment on column postrider.portal_endpoint.revision is 'Counts its changes.';

comment on column postrider.portal_endpoint.created_at is 'When it was made.';

comment on column postrider.portal_endpoint.updated_at is 'When it was last changed.';

comment on view postrider.portal_event is 'The events of the tenant whose token this transaction shows, without their payloads and without Postrider''s own. Cheap for one event; portal_events() lists them.';

comment on column postrider.portal_event.id is 'The event; receivers see it as webhook-id.';

comment on column postrider.portal_event.event_type is 'Its type.';

comment on column postrider.portal_event.ordering_key is 'Which thing it is about; null if that was not said.';

comment on column postrider.portal_event.created_at is 'When it was inserted.';

comment on column postrider.portal_event.deliver_at is 'It is not sent before this time; null for at once.';

comment on column postrider.portal_event.erased_at is 'When what it said was erased; null if it was not.';

comment on column postrider.portal_event.is_test is 'Whether it was sent to try an endpoint.';

comment on view postrider.portal_event_type is 'The catalogue of event types, for whoever shows a token of the portal. It is the same for all tenants.';

comment on column postrider.portal_event_type.name is 'The type.';

comment on column postrider.portal_event_type.description is 'What it means.';

comment on column postrider.portal_event_type.json_schema is 'What its payloads look like, as a JSON Schema; null if that is not said.';

comment on column postrider.portal_event_type.deprecated is 'Whether it should no longer be used.';

comment on view postrider.portal_five_minutes is 'What became of the deliveries to the endpoints of the tenant whose token this transaction shows, by five minutes, of the last day. Cheap for one endpoint.';

comment on column postrider.portal_five_minutes.began_at is 'When the five minutes began.';

comment on column postrider.portal_five_minutes.endpoint_id is 'The endpoint.';

comment on column postrider.portal_five_minutes.succeeded_first is 'Deliveries that succeeded at the first attempt.';

comment on column postrider.portal_five_minutes.succeeded_later is 'Deliveries that succeeded at a later one.';

comment on column postrider.portal_five_minutes.failed is 'Attempts that failed.';

comment on column postrider.portal_five_minutes.exhausted is 'Deliveries that were exhausted.';

comment on column postrider.portal_five_minutes.discarded is 'Deliveries that were discarded.';

comment on column postrider.portal_five_minutes.sent_again is 'Attempts of deliveries that were sent again by hand or by a replay.';

comment on column postrider.portal_five_minutes.failures is 'Failed attempts by status, or by failure_kind if there was none; null if none failed.';

comment on column postrider.portal_five_minutes.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';

comment on view postrider.portal_hour is 'What became of the deliveries to the endpoints of the tenant whose token this transaction shows, by hour. Cheap for one endpoint.';

comment on column postrider.portal_hour.hour is 'When the hour began.';

comment on column postrider.portal_hour.endpoint_id is 'The endpoint.';

comment on column postrider.portal_hour.succeeded_first is 'Deliveries that succeeded at the first attempt.';

comment on column postrider.portal_hour.succeeded_later is 'Deliveries that succeeded at a later one.';

comment on column postrider.portal_hour.failed is 'Attempts that failed.';

comment on column postrider.portal_hour.exhausted is 'Deliveries that were exhausted.';

comment on column postrider.portal_hour.discarded is 'Deliveries that were discarded.';

comment on column postrider.portal_hour.sent_again is 'Attempts of deliveries that were sent again by hand or by a replay.';

comment on column postrider.portal_hour.failures is 'Failed attempts by status, or by failure_kind if there was none; null if none failed.';

comment on column postrider.portal_hour.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';

comment on view postrider.portal_minute is 'What became of the deliveries to the endpoints of the tenant whose token this transaction shows, by minute. Cheap for one endpoint.';

comment on column postrider.portal_minute.minute is 'When the minute began.';

comment on column postrider.portal_minute.endpoint_id is 'The endpoint.';

comment on column postrider.portal_minute.succeeded_first is 'Deliveries that succeeded at the first attempt.';

comment on column postrider.portal_minute.succeeded_later is 'Deliveries that succeeded at a later one.';

comment on column postrider.portal_minute.failed is 'Attempts that failed.';

comment on column postrider.portal_minute.exhausted is 'Deliveries that were exhausted.';

comment on column postrider.portal_minute.discarded is 'Deliveries that were discarded.';

comment on column postrider.portal_minute.sent_again is 'Attempts of deliveries that were sent again by hand or by a replay.';

comment on column postrider.portal_minute.failures is 'Failed attempts by status, or by failure_kind if there was none; null if none failed.';

comment on column postrider.portal_minute.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';

comment on view postrider.portal_payload is 'The payloads of the events of the tenant whose token this transaction shows, as the application wrote them, whatever a transformation makes of them. Cheap for one event.';

comment on column postrider.portal_payload.id is 'The event.';

comment on column postrider.portal_payload.payload is 'Its payload.';

comment on view postrider.portal_replay is 'The replays to the endpoints of the tenant whose token this transaction shows, and how far they are.';

comment on column postrider.portal_replay.replay_id is 'The replay.';

comment on column postrider.portal_replay.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.portal_replay.name is 'The endpoint''s name.';

comment on column postrider.portal_replay.state is 'preparing, delivering, done or cancelled.';

comment on column postrider.portal_replay.since is 'Events from this time on, by when they were inserted.';

comment on column postrider.portal_replay.until is 'Events from before this time.';

comment on column postrider.portal_replay.event_type is 'Which types of those that the endpoint is subscribed to.';

comment on column postrider.portal_replay.states is 'Which of these events.';

comment on column postrider.portal_replay.events is 'How many events it was to send when it was requested.';

comment on column postrider.portal_replay.prepared is 'How many it has made pending so far.';

comment on column postrider.portal_replay.left_alone is 'Events of the range that were already on their way when their turn came.';

comment on column postrider.portal_replay.pending is 'Deliveries that wait, are in flight or are being retried.';

comment on column postrider.portal_replay.succeeded is 'Deliveries that have succeeded.';

comment on column postrider.portal_replay.exhausted is 'Deliveries that were exhausted.';

comment on column postrider.portal_replay.discarded is 'Deliveries that were discarded.';

comment on column postrider.portal_replay.restored is 'Deliveries that were not sent and got back their former state when it was cancelled.';

comment on column postrider.portal_replay.created_at is 'When it was requested.';

comment on column postrider.portal_replay.progressed_at is 'When its cursor last moved.';

comment on column postrider.portal_replay.finished_at is 'When it was done or cancelled.';

comment on view postrider.portal_secret is 'What signs the requests to the endpoints of the tenant whose token this transaction shows, without what is secret of it.';

comment on column postrider.portal_secret.id is 'The secret.';

comment on column postrider.portal_secret.endpoint_id is 'The endpoint that it signs for.';

comment on column postrider.portal_secret.kind is 'hmac or ed25519.';

comment on column postrider.portal_secret.public_key is 'What receivers verify with, of an ed25519 key; null for hmac.';

comment on column postrider.portal_secret.created_at is 'When it was made.';

comment on column postrider.portal_secret.expires_at is 'When it stops signing; null for never.';

comment on view postrider.portal_subscription is 'The subscriptions of the tenant whose token this transaction shows.';

comment on column postrider.portal_subscription.id is 'The subscription.';

comment on column postrider.portal_subscription.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.portal_subscription.event_type is 'An event type, a prefix such as order.*, or *.';

comment on column postrider.portal_subscription.filter is 'A predicate over the payload; null for no filter.';

comment on column postrider.portal_subscription.created_at is 'When it was made.';

comment on view postrider.pull_status is 'How far each pull endpoint was fetched from. What waits for it is in postrider.backlog.';

comment on column postrider.pull_status.endpoint_id is 'The endpoint.';

comment on column postrider.pull_status.tenant is 'Its tenant.';

comment on column postrider.pull_status.name is 'Its name; null if it has none.';

comment on column postrider.pull_status.state is 'active, paused or disabled.';

comment on column postrider.pull_status.given_at is 'When its receiver last got events that it had not got before; null if it never did.';

comment on column postrider.pull_status.acknowledged_at is 'When its receiver last acknowledged some; null if it never did.';

comment on column postrider.pull_status.unacknowledged is 'Deliveries that were given, or are next to be, and are not acknowledged, up to 10,000.';

comment on column postrider.pull_status.tokens is 'How many of its tokens are valid; without one nothing can be fetched.';

comment on view postrider.replay_status is 'The replays and how far they are. Cheap: what has finished is counted as it finishes, and what is pending of a replay is bounded.';

comment on column postrider.replay_status.replay_id is 'The replay.';

comment on column postrider.replay_status.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.replay_status.name is 'The endpoint''s name.';

comment on column postrider.replay_status.url is 'The endpoint''s URL.';

comment on column postrider.replay_status.endpoint_state is 'active; paused: the replay waits; disabled or deleted: it was cancelled with it.';

comment on column postrider.replay_status.state is 'preparing: deliveries are being made pending step by step; delivering: all are, and some are not finished; done; cancelled.';

comment on column postrider.replay_status.reason is 'Why it was cancelled; while it is in progress, what was wrong with its last step.';

comment on column postrider.replay_status.since is 'Events from this time on, by when they were inserted.';

comment on column postrider.replay_status.until is 'Events from before this time.';

comment on column postrider.replay_status.event_type is 'Which types of those that the endpoint is subscribed to.';

comment on column postrider.replay_status.states is 'Which of these events: those with a delivery to the endpoint in one of these states (discarded leaves out what is cancelled), and unmatched, without one.';

comment on column postrider.replay_status.events is 'How many events it was to send when it was requested.';

comment on column postrider.replay_status.prepared is 'How many it has made pending so far.';

comment on column postrider.replay_status.left_alone is 'Events of the range that were already on their way when their turn came.';

comment on column postrider.replay_status.pending is 'Deliveries that wait, are in flight or are being retried.';

comment on column postrider.replay_status.succeeded is 'Deliveries that have succeeded.';

comment on column postrider.replay_status.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';

comment on column postrider.replay_status.discarded is 'Deliveries that were discarded.';

comment on column postrider.replay_status.restored is 'Deliveries that were not sent and got back their former state when it was cancelled.';

comment on column postrider.replay_status.created_at is 'When it was requested.';

comment on column postrider.replay_status.progressed_at is 'When its cursor last moved.';

comment on column postrider.replay_status.finished_at is 'When it was done, or cancelled and none of its deliveries was in flight any more.';

comment on column postrider.replay_status.requested_by is 'The database role that requested it.';

comment on view postrider.undelivered is 'Deliveries that ended without success, by endpoint, as long as their events are kept. Its cost does not depend on how many succeeded. postrider.replay() sends them again.';

comment on column postrider.undelivered.endpoint_id is 'The endpoint.';

comment on column postrider.undelivered.tenant is 'Its tenant; null if it was deleted.';

comment on column postrider.undelivered.name is 'Its name; null if it has none or was deleted.';

comment on column postrider.undelivered.url is 'Its URL; null if it was deleted.';

comment on column postrider.undelivered.endpoint_state is 'active, paused, disabled or deleted.';

comment on column postrider.undelivered.exhausted is 'Deliveries that are exhausted: their last attempt failed, and no other follows.';

comment on column postrider.undelivered.discarded is 'Deliveries that were ended by an operator, or with their endpoint; postrider.delivery_status has the reasons.';

comment on column postrider.undelivered.is_exact is 'False if there are more than were counted: 10,000 an endpoint, 100 of further endpoints once there are 100,000.';

comment on view postrider.unmatched_minute is 'Events that no endpoint got, by tenant and type, in the minute in which they were claimed. Say since when: where minute > now() - interval ''1 hour''. postrider.replay() sends them to an endpoint, and explain_event() says why one was not matched.';

comment on column postrider.unmatched_minute.minute is 'When the minute began, by the clock of Postgres.';

comment on column postrider.unmatched_minute.tenant is 'Their tenant.';

comment on column postrider.unmatched_minute.event_type is 'Their type.';

comment on column postrider.unmatched_minute.events is 'How many.';

comment on type postrider.api_key_name is 'What people call a key of the API.';

comment on type postrider.api_scopes is 'What a key of the API may do. read: see everything but payloads and answers; payload: see those as well; publish: insert events; operate: change endpoints and steer deliveries; portal:mint: make tokens of the portal; admin: all of it, and switch sending, erase events and make keys.';

comment on type postrider.endpoint_auth is 'How an endpoint''s requests are authenticated.';

comment on type postrider.endpoint_batch_delay_ms is 'How long an event waits for others to share its request, in milliseconds.';

comment on type postrider.endpoint_batch_size is 'How many events a request may have.';

comment on type postrider.endpoint_client_certificate is 'What an endpoint shows to a receiver that asks who connects.';

comment on type postrider.endpoint_description is 'What an endpoint is for.';

comment on type postrider.endpoint_disable_after is 'How long an endpoint may have nothing but failures.';

comment on type postrider.endpoint_encryption_key is 'A public key of a receiver, as a JWK.';

comment on type postrider.endpoint_format is E'The format of a request. Its check lists the formats: \\dD postrider.endpoint_format.';

comment on type postrider.endpoint_give_up_on is 'Statuses and classes of statuses, such as 422 and 4xx.';

comment on type postrider.endpoint_headers is 'Request headers, name to value.';

comment on type postrider.endpoint_inline_limit is 'How many bytes a payload may have that is in the request.';

comment on type postrider.endpoint_kind is 'Who asks for a request: the daemon, or the receiver.';

comment on type postrider.endpoint_max_in_flight is 'How many requests an endpoint may have in progress.';

comment on type postrider.endpoint_name is 'What people call an endpoint.';

comment on type postrider.endpoint_payload is 'An SQL/JSON path, or a template of JSON with paths in it.';

comment on type postrider.endpoint_payload_fallback is 'What becomes of an event that a transformation cannot be applied to.';

comment on type postrider.endpoint_rate_burst is 'How many requests an endpoint that has rested may be sent at once.';

comment on type postrider.endpoint_rate_limit is 'How many requests an endpoint may be sent per second.';

comment on type postrider.endpoint_retry_on is 'Statuses and classes of statuses, such as 503 and 5xx.';

comment on type postrider.endpoint_retry_schedule is 'The waits between the attempts of a delivery.';

comment on type postrider.endpoint_secret_text is 'A key of HMAC-SHA256 (whsec_) or a private one of ed25519 (whsk_), written as Standard Webhooks does; a credential in JSON; or any of them sealed.';

comment on type postrider.endpoint_signing is 'What signs an endpoint''s requests.';

comment on type postrider.endpoint_state is 'Whether an endpoint gets events, and whether they are sent.';

comment on type postrider.endpoint_tenant is 'The owner of an endpoint; the empty string if there is none.';

comment on type postrider.endpoint_timeout_ms is 'The time limit of a request, in milliseconds.';

comment on type postrider.endpoint_url is 'An absolute http or https URL without user, password and fragment. Whether its address is allowed is for the daemons to say.';

comment on type postrider.endpoint_when_exhausted is 'What follows for an ordering key if one of its events is exhausted.';

comment on type postrider.event_type_pattern is 'The event types that a subscription is for.';

comment on type postrider.failure_kind is E'How an attempt failed. Its check lists the kinds: \\dD postrider.failure_kind.';

comment on type postrider.handshake_state is 'What a receiver says to deliveries.';

comment on type postrider.objective_bound is 'How long a delivery may take from when it is due: 10, 50, 100 or 500 ms, 1, 5, 10 or 30 seconds, 1, 5 or 30 minutes, 2 or 6 hours, 1 or 3 days.';

comment on type postrider.objective_target is 'Which share of deliveries arrives in time: 0.999 for 999 of 1,000.';

comment on type postrider.portal_capabilities is 'What a token of the portal may do, within its tenant. endpoints:read: see endpoints, event types and charts; endpoints:write: add, change and remove endpoints; endpoints:state: pause and resume; secret:rotate: make a new secret; attempts:read: see events, deliveries and attempts; payload:read: see payloads and answers as well; redeliver: send an event again; replay: send a range again; test: send a test event.';

comment on type postrider.portal_subject is 'Whom a token of the portal was made for.';

comment on type postrider.secret_kind is 'What a secret is for.';

comment on type postrider.signing_public_key is 'The public half of an ed25519 key, written as Standard Webhooks does.';

comment on type postrider_internal.claim_page is 'Events as columns, and the cursor before them; ids is null if there are none. Those of one transaction are in the order of seq, those of the window in the order of (xid, seq). ended_xids: the transactions that are aside and end with this page; is_complete: the window ends with it; must_move: there are no events, and the cursor must move all the same; has_later: some are due later.';

comment on type postrider_internal.claim_pair is 'An event for an endpoint. problem: why Postgres cannot judge the filters; the delivery is discarded for that.';

comment on type postrider_internal.claim_rule is 'An endpoint that gets the events of a kind (a tenant and type): from a daemon''s memory (is_express) or from the queue; all of them if filters is null.';

comment on type postrider_internal.claimed_event is 'An event as a daemon gets it. The payload is null if it is larger than the daemon wants it: it is loaded when its turn comes.';

comment on type postrider_internal.found_heads is 'What find_heads saw of an endpoint, all of it null if that is not ordered any more. has_others: whether deliveries without a key are due; keys: those whose first delivery may be sent, in their order, and run_length: how many deliveries of each; has_expired: the lease of one of them has ended without a result; after_key: where the walk continues, null at the beginning, and moves: whether that is another place; next_due: when one of the others can be sent.';

comment on type postrider_internal.leased_delivery is 'A delivery as a daemon leases it, with its event. is_again: it is sent again by hand or by a replay; deliver_at_ms: the deliver_at of its event, as Unix time; batch_id: null if it goes alone; ordering_seq: its place among the deliveries of its ordering key, null if it has none. Without its event, which is gone or was erased, it has none of what that says.';

comment on type postrider_internal.transformation_plan is 'The transformation of an endpoint, read once for many events. skeleton: null if the payload stays as it is; header_length: that of the headers without paths; reads_payload: whether any path looks at the payload.';

comment on function postrider.adopt(boolean) is 'Lets daemons work in a database that was restored or copied from another one. Use it once, after a restore or a copy that takes the place of the original; call it with dry_run first. Events that were not claimed there are claimed here, those in hand are taken over, and delivered ones are not sent again. problem: what shows that the database is a copy; moved: settled events whose transaction id was changed.';

comment on function postrider.allow_unknown_event_types(text) is 'Lets events of types that are not in the catalogue be inserted. Use it to undo refuse_unknown_event_types(); this is how a new database starts.';

comment on function postrider.cancel(uuid,uuid,text) is 'Stops further attempts of a delivery. Use it for an event that a receiver must not get any more; redeliver() undoes it. Returns the state of the delivery: discarded; pending if a daemon has it in hand, in which case it is discarded within moments unless the attempt in progress succeeds; or how it had ended before. Without an event (null) it cancels everything that waits for the endpoint now, without an endpoint everything of the event, and returns how many those were.';

comment on function postrider.cancel_replay(uuid,text) is 'Ends a replay. Use it if a replay sends too much or the wrong events. Deliveries that it has not sent get back their former state; those that did not exist are discarded. What a daemon has in hand is still sent.';

comment on function postrider.capture(regclass,text,text[],text,text,text,text) is 'Makes changes of a table''s rows into events of that type, in the transaction that changes them. Use it if the event is that a row changed. condition, payload, ordering_key and tenant are SQL expressions over old and new; an insert has no old row, and a delete no new one. Capturing the same type again replaces the former capture. For the owner of the table, who must be a publisher.';

comment on function postrider.chart(timestamp with time zone,interval,uuid,text) is 'What became of deliveries since a time, in at most 300 bars: over all endpoints, of one, or of those of a tenant. Use it for charts: select at, failed from postrider.chart(now() - interval ''1 day''). A bar is a minute, five minutes, an hour or six hours long, as the range is up to two hours, a day, a week or longer, unless step says otherwise; of a range of more than two hours it is one minute or whole five minutes, of more than a day whole hours. In a bar in which no daemon lived everything is null, and 0 is nothing that happened. claimed is null unless it is over all endpoints. Daemons append to it once a minute, so the present minute is missing.';

comment on function postrider.copy_problem() is 'Says what shows that this database was restored or copied from another one. Use it if daemons stop with PR0014: they do so until adopt() is called. Null if daemons may work here.';

comment on function postrider.count_unmatched(timestamp with time zone) is 'Events that no endpoint got since a time, by tenant and type, and the minute or hour in which the last of them was claimed. Use it to find subscriptions that are missing: select event_type, events from postrider.count_unmatched(now() - interval ''1 day''). It reads hours where it can, so a month is cheap.';

comment on function postrider.create_api_key(text,text[],timestamp with time zone) is 'Makes a key of the API and returns it. It is shown this once and kept as a hash. Use it for each person and program that asks the API, with the scopes that it needs: read, payload, publish, operate, admin.';

comment on function postrider.create_api_link(uuid,interval) is 'Makes what a browser logs in with once, with the scopes of a key, and returns it: the dashboard takes it as /#/login=... Use it to let somebody in without handing out a key.';

comment on function postrider.create_endpoint(text,text[],text,jsonb) is 'Creates an endpoint with one subscription for each of the event types. Returns its id and the secret that the receiver verifies with; no secret if its requests are signed by ed25519 alone, because a daemon makes that key (postrider.endpoint_secret.public_key). Use it for each new receiver. Options are columns of postrider.endpoint, whose comments describe them; those left out have the column''s default.';

comment on function postrider.create_portal_token(text,text[],interval,text) is 'Makes a token of the portal for a tenant and returns it. It is shown this once and kept as a hash. Use it for each visit of somebody whom your application has let in: capabilities say what they may do, subject who they are, for the audit. It is valid for ttl, an hour at most.';

comment on function postrider.create_pull_token(uuid,interval) is 'Makes a token with which the receiver of a pull endpoint fetches its events, and returns it. It is shown this once and kept as a hash. Use it for a new pull endpoint, if a token was exposed, or regularly. Earlier tokens are valid until the overlap has passed; an overlap of 0 ends them at once.';

comment on function postrider.define_event_type(text,text,jsonb,boolean,boolean) is 'Puts an event type into the catalogue, or replaces its definition. Use it to document a type, to generate TypeScript from it or, with enforce, to refuse payloads that do not fit the schema: inserts fail from their next statement on. A schema that is left out is kept; what else is left out is not. Any JSON Schema describes; what is enforced is of the subset in sql/event-types.md.';

comment on function postrider.delay_ms_bounds() is 'The upper bounds, in milliseconds, of the counts in delay_ms of postrider.endpoint_minute and postrider.daemon_minute. Use it to say what a count means; the count behind the last bound is of everything longer.';

comment on function postrider.delete_endpoint(uuid,text,boolean) is 'Deletes an endpoint with its subscriptions and secrets, and says what that ends: pending deliveries (a lower bound if is_exact is false), which are discarded; requests in flight, which finish and are not repeated; replays. Use it if a receiver is gone for good and its past deliveries need not be sent again; otherwise disable_endpoint(). With dry_run it only says so. What was delivered stays to be seen, and the audit keeps the endpoint''s settings.';

comment on function postrider.disable_endpoint(uuid,text) is 'Disables an endpoint: it gets no new deliveries, and pending ones are discarded. Use it if the receiver is gone for good or must not be sent anything; to let deliveries wait, use pause_endpoint().';

comment on function postrider.drop_event_type(text,text) is 'Removes an event type from the catalogue. Use it if nothing publishes the type any more. Events of that type are still delivered, and can be inserted unless unknown types are refused.';

comment on function postrider.drop_objective(uuid,text,text) is 'Removes the objective of an endpoint, of a tenant, or the one for all if neither is given, and returns whether there was one. Use it after set_objective(), to have the next more general one count again.';

comment on function postrider.enable_endpoint(uuid) is 'Enables a disabled endpoint: it gets the events from now on. Use it if the receiver is back, and replay() for what it missed. If the endpoint was paused when it was disabled, it is paused again until resume_endpoint().';

comment on function postrider.endpoint_id(text,text) is 'The id of the endpoint of that name. Use it for each function that asks for an endpoint''s id: select postrider.pause_endpoint(postrider.endpoint_id(''billing''), ''maintenance''). A name that does not exist is an error.';

comment on function postrider.erase_event(uuid,text) is 'Overwrites what an event says: its payload, attributes and keys, what its receivers answered, and what the audit has of it. Use it if the data must go before the retention ends. Deliveries that wait are discarded; requests in flight finish and are recorded without their answers. Id, type, tenant and times stay, and a row in the audit says that it was erased.';

comment on function postrider.erase_tenant(text,text) is 'Does for each event of a tenant that there is now what erase_event() does for one. Use it if a customer''s data must go. A call takes one step, of the next 2,000 events of all tenants, and returns how many it erased; repeat it until is_finished, each call in its own transaction. The daemons take the remaining steps if nobody does.';

comment on function postrider.explain_event(uuid) is 'Says for each endpoint of the event''s tenant what became of the event there, or why nothing did, and what would happen if it were inserted now. One row without an endpoint if the tenant has none. Use it to find out why an event did not arrive. It judges matches by the subscriptions as they are now, and names changes since then.';

comment on function postrider.forget_ingest(text) is 'Forgets how far an ingest has read, so the next one of that name starts anew. Use it for files and hosts that are gone.';

comment on function postrider.grant_roles() is 'Makes the five roles of Postrider, if the caller may, and grants each its privileges. Use it after a DBA has made missing roles, or after a restore. For each role it returns granted, or missing if a role that may create roles must make it first. For the owner of the schema; it can be repeated at any time.';

comment on function postrider.judge_objective(uuid,text) is 'How deliveries of the last 30 days stand to the objective of an endpoint, of a tenant, or of all: see postrider.set_objective(). Use it for alerts and reports: select in_time, budget_left from postrider.judge_objective(tenant => ''acme''). good arrived within the time; bad came later, were exhausted, or were discarded by other than a person; overdue wait for longer than that now. in_time is the share of good among these, budget_left the share of the failures that the target allows which is left: negative if there were more. burn_5m and so on say how many times too fast the budget was used in that time, of six hours from a whole hour on; is_burning: fast in both 5 minutes and an hour (14.4 times), or in both 30 minutes and 6 hours (6 times). What was sent again by hand or by a replay does not count, nor what waits at endpoints that are paused or disabled, of which left_out says how many there are. is_exact is false if more may be overdue than was counted. Events that no daemon has claimed count for all alone. set_for says whose objective it is: endpoint, tenant, all, or default.';

comment on function postrider.maintain(timestamp with time zone) is 'Takes one step of keeping the partitions and says which: it makes those of the days ahead, and removes whole days that are older than postrider.retention says, once nothing in them is needed; it sums the minutes of each hour, postrider.endpoint_hour; and it continues what erase_tenant() began. Use it if you would rather schedule this yourself, once a minute, than leave it to the daemons. No row: nothing is left to do. busy: another session holds a lock or is doing the same, so try again later. now: an earlier time to judge by, for tests.';

comment on function postrider.pause_endpoint(uuid,text) is 'Pauses an endpoint: its events are still routed and wait, and nothing is lost. Use it if the receiver is down or under maintenance, and resume_endpoint() afterwards.';

comment on function postrider.percentile(bigint[],integer[],double precision,boolean) is 'Within how many milliseconds a fraction of what is counted ended, such as 0.95: percentile(request_ms, postrider.request_ms_bounds(), 0.95) of a row of postrider.endpoint_minute or endpoint_hour. Use it for charts of latency. Between two bounds it is interpolated, or the upper one if interpolate is false. Null if nothing is counted.';

comment on function postrider.prepare_restore(boolean) is 'Empties the tables that "postrider migrate" has filled. Use it before the data of another database is restored or replicated into this one. records: also the records of what is installed, for a replica that brings those of the original. Refuses a database that is in use.';

comment on function postrider.preview_transformation(uuid,uuid) is 'What the transformation of an endpoint would make of an event now, whatever was sent already. Use it to try a path or a template before events rely on it. outcome: transformed, unchanged (the endpoint has no path anywhere), whole or discarded (it cannot be applied, for the problem); headers: those that have paths.';

comment on function postrider.publish(text,json,text,text,timestamp with time zone,text,jsonb) is 'Inserts an event into the outbox and returns its id. Use it instead of an insert if you need the id, or if the event has an idempotency key: for a key that is known already it returns the id of the first event with it. Call it in the transaction that makes the change. The setting postrider.traceparent, if there is one, becomes that attribute, unless the attributes have it.';

comment on function postrider.publish_events(json) is 'Inserts the events of a list, each an object with the parameters of postrider.publish(), and returns their ids in the same order. Use it for many events at once; payloads are kept as they are written.';

comment on function postrider.rebuild_minutes(timestamp with time zone) is 'Adds to endpoint_minute, daemon_minute and endpoint_hour what daemons that are gone had recorded and not appended, by their attempts since then. Use it after a daemon was killed or a machine was lost, ten minutes later; repeated, it adds nothing. Returns how many minutes of daemons it added, and how many attempts these have. Not known afterwards, and so missing: sent_bytes, claimed, flushes, in_flight_max, waiting_max; deliveries that the daemon discarded without an attempt; first attempts of events that had waited for more than a day before they were claimed; and what was redelivered since, as it was before. It reads the deliveries from a day before since on.';

comment on function postrider.redeliver(uuid,uuid) is 'Makes one more attempt of a delivery now, whatever its state, but not before the event''s deliver_at. Use it for a single event that a receiver has lost or failed to process; for a range, use replay(). Without an endpoint (null) it does so for each delivery of the event, except those that are in flight or were cancelled, and those to endpoints that are disabled. Returns how many. At an ordered endpoint it takes its place in its key, before what waits there. Attempts are numbered on, and a failure follows the retry schedule from its beginning.';

comment on function postrider.refuse_unknown_event_types(text) is 'Makes inserts fail, from their next statement on, if their event type is not in the catalogue. Use it to catch misspelt types, after you have defined all types in use: sql/recipes/undefined_event_types.sql lists those that are missing.';

comment on function postrider.replay(uuid,timestamp with time zone,timestamp with time zone,text,text[],boolean) is 'Sends a range of events to an endpoint again: those inserted since, and before until, that its subscriptions match now, also from before the endpoint existed. Use it after an outage, or to fill a new receiver; call it with dry_run first, which only counts. states: which of them, any of exhausted; discarded, without what a person cancelled; unmatched, which have no delivery to the endpoint; cancelled; succeeded. The first three are the default, and the last two are sent only if they are named. Nothing is sent before its deliver_at. Returns the id of the replay and the number of events. It reads the range once, some 10 us an event.';

comment on function postrider.request_handshake(uuid) is 'Asks the receiver of an endpoint for its consent now, instead of when postrider.endpoint_handshake says. Use it once the receiver was mended, or to ask again for its rate.';

comment on function postrider.request_ms_bounds() is 'The upper bounds, in milliseconds, of the counts in request_ms of postrider.endpoint_minute and postrider.daemon_minute. Use it to say what a count means; the count behind the last bound is of everything longer.';

comment on function postrider.reschedule(uuid,timestamp with time zone) is 'Moves an event whose deliver_at has not come to another time, earlier or later, and returns the old one. Use it if a reminder must go out at another time, or now.';

comment on function postrider.resume_endpoint(uuid) is 'Lets a paused endpoint continue with the deliveries that wait for it. Use it if its receiver works again after pause_endpoint(), or to close a circuit before the next probe does.';

comment on function postrider.revoke_api_key(uuid,text) is 'Ends a key of the API, and the sessions that were opened with it, at once. Use it if a key was exposed, or is no longer needed.';

comment on function postrider.revoke_portal_tokens(text,text,text) is 'Ends the tokens of the portal that a tenant has, or one subject of it, at once. Returns how many there were. Use it if a token was exposed, or somebody must be let in no longer.';

comment on function postrider.revoke_pull_token(uuid,text) is 'Ends a token with which events of a pull endpoint are fetched, at once. Use it if a token was exposed and its receiver may fetch no more; to replace it, create_pull_token() with an overlap of 0.';

comment on function postrider.rotate_secret(uuid,interval) is 'Makes a new secret for an endpoint and returns it. Use it if a secret was exposed, or regularly, and give the new one to the receiver. Every request is signed with the new secret and, until the overlap has passed, with the old ones too; an overlap of 0 drops them at once. If signing has ed25519, a daemon also makes a new key, within moments: its public half appears in postrider.endpoint_secret. For ed25519 alone it returns null.';

comment on function postrider.send_test_event(uuid,text,json) is 'Sends one event to this endpoint alone, whatever it is subscribed to, and returns the event''s id. Use it to try a new receiver, or one that was mended. The event is marked as a test (postrider.outbox.test_endpoint_id): replays leave it out, and its failures do not count against the endpoint.';

comment on function postrider.set_objective(numeric,interval,uuid,text,text) is 'Sets which share of deliveries is to arrive within which time of being due: for an endpoint, for the endpoints of a tenant, or for all if neither is given. Use it to say what you have promised, so that postrider.judge_objective() and the dashboard judge by it: set_objective(0.99, ''5 minutes'', tenant => ''acme''). Without any it is 0.999 within a minute.';

comment on function postrider.skip(uuid,uuid,text) is 'Passes over an exhausted event that halts its ordering key, so that the next event of the key is sent. Use it if the receiver can do without this one. The delivery stays exhausted, and can be sent again by redeliver() or replay(). Returns the key.';

comment on function postrider.subscribe(uuid,text,text) is 'Subscribes an endpoint to an event type (exact, a prefix such as order.*, or *), with or without a filter. Returns the id of the subscription. Use it to send more events to an existing endpoint, from now on.';

comment on function postrider.uncapture(regclass,text) is 'Ends a capture: changes of the table''s rows make no more events of that type. Use it if they are no longer needed, or before you drop what the capture names. Events that exist are delivered. For the owner of the table.';

comment on function postrider.unsubscribe(uuid,text) is 'Removes a subscription. Use it if an endpoint must not get these events any more; deliveries that exist already continue.';

comment on function postrider.uuid_v7() is 'Makes a UUID version 7 (RFC 9562): milliseconds of the clock, then random bits. Use it if a statement needs the id of an event before the insert. PostgreSQL 18 has its own.';

comment on function postrider.uuid_v7_floor(timestamp with time zone) is 'Returns the smallest UUID of a millisecond. Use it to bound a stretch of time by ids, so that only its partitions are read: where id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';

comment on function postrider.uuid_v7_time(uuid) is 'Returns when a UUID version 7 was made, to the millisecond, or null for another UUID. Use it to read the time of an event from its id.';

comment on function postrider_internal.acknowledge_pulled(uuid,uuid,bigint,bigint,bigint,timestamp with time zone) is 'Makes the deliveries in these places of a pull endpoint succeed, each with an attempt from when they were given until now, and returns how many.';

comment on function postrider_internal.add_to_hours(timestamp with time zone,uuid) is 'Adds a part of a minute, which came late, to its hour, if that is made already: of each endpoint, with its five minutes, and over all of them.';

comment on function postrider_internal.advance_pull(uuid,uuid,bigint,bigint,integer) is 'Acknowledges what a pull endpoint was given up to a place, and gives places to as many further deliveries as are wanted. False if that place was never given.';

comment on function postrider_internal.anchor_pointer(jsonb,text,text) is 'Where in a JSON Schema the schema with this $anchor is, as a JSON pointer; null if there is none. pointer: the reference, for the error if there are several.';

comment on function postrider_internal.append_minutes(uuid,uuid,double precision,json,json) is 'Appends what a daemon counted in a minute, which is given as Unix time: a row for each endpoint, and one over all of them unless total is null.';

comment on function postrider_internal.apply_endpoint(jsonb,jsonb) is 'Makes an endpoint what an entry of a file says, and returns what that changed: first, without a part, whether the endpoint was made or deleted. Options that are left out get their defaults, and a state that is left out stays.';

comment on function postrider_internal.apply_entry(text,jsonb,jsonb) is 'Makes one entry of a file true, and returns what that changed.';

comment on function postrider_internal.apply_event_type(jsonb) is 'Makes the definition of an event type what an entry of a file says, and returns what that changed: first, without a part, whether the type was defined or dropped.';

comment on function postrider_internal.apply_file(jsonb) is 'Makes event types, endpoints and subscriptions what a file says, and returns each change with what was before. A row with a problem is a fault of the file: the caller then rolls back. What the file does not mention stays.';

comment on function postrider_internal.apply_state(uuid,text,text) is 'Brings an endpoint into a state by the functions that people call, and returns the old and the new one. Null leaves it as it is, and so does a reason that is left out.';

comment on function postrider_internal.apply_subscriptions(uuid,jsonb) is 'Makes the subscriptions of an endpoint these and no others, and returns those that were removed or added.';

comment on function postrider_internal.are_columns(anyelement,text[]) is 'Whether all these are columns of the row''s table. Called with a constant, so that a plan asks once.';

comment on function postrider_internal.are_headers(jsonb) is 'True if these request headers can be sent. Otherwise it raises an error that names the first bad one, without its value.';

comment on function postrider_internal.are_retry_waits(interval[]) is 'Whether each of these is a wait of 1 ms to 30 days.';

comment on function postrider_internal.are_statuses(text[]) is 'Whether each of these is an HTTP status that is a failure, such as 503, or a class of them, such as 5xx.';

comment on function postrider_internal.array_predicate(jsonb,text) is 'An SQL/JSON path predicate: the elements of the array @ fit. Null if that cannot be expressed.';

comment on function postrider_internal.asked_time(uuid,timestamp with time zone) is 'When a delivery that a person asks for is due: before all that wait behind an open circuit, so that it is found among them.';

comment on function postrider_internal.attach_partition(text,date,boolean) is 'Makes the partition of that day, in UTC, of a partitioned table. with_strays moves the day''s rows out of the default partition.';

comment on function postrider_internal.audited(anyelement) is 'A time, an interval or a row for the detail of the audit, which reads alike whatever the session has set.';

comment on function postrider_internal.auth_members() is 'What each type of postrider.endpoint.auth has. A user name is a secret, because many receivers take an API key as one.';

comment on function postrider_internal.base64url_bytes(jsonb) is 'The bytes of a JSON string in base64url without padding, as JOSE writes them; null if it is not their one spelling.';

comment on function postrider_internal.batch_due(uuid,integer) is 'When to look again at an endpoint that has due deliveries and can be sent none of them: when a batch that is not full is sent all the same, or when something else comes due. Null if neither follows.';

comment on function postrider_internal.batch_id(uuid,uuid[]) is 'The id of the batch with these members: a UUID of version 8 made of a hash. So the same members have the same id, whoever sends them, and others have another one.';

comment on function postrider_internal.beat(uuid,text,integer,text,integer,integer,integer,text,integer,text,boolean,text[],text) is 'A daemon''s heartbeat: renews its lease on everything it has claimed, and reports its condition, for how long and why. False if the lease has run out. is_renewal: the daemon takes its lease for valid.';

comment on function postrider_internal.begin_action(text,uuid,jsonb) is 'Opens a row in the audit. Until end_action(), every change adds to it what was there before and after.';

comment on function postrider_internal.begin_api_request(bytea,bytea) is 'Whether a request of the API with an Idempotency-Key is to be done. state: new; in progress: another transaction does it; done: with the answer that it got; another: the key was used for another request.';

comment on function postrider_internal.begin_claim() is 'Takes the claim lock, and says whether it was free. Refuses a transaction in which a claim would not be exact.';

comment on function postrider_internal.begin_epoch() is 'Begins an epoch, postrider.server_epoch, if there is none; returns the id of the present one.';

comment on function postrider_internal.blank_answers(uuid[]) is 'Overwrites what the receivers of these events answered, to batches with them too, and what went wrong there, and deletes what was made of these events for them.';

comment on function postrider_internal.branches_predicate(text,jsonb,text) is 'An SQL/JSON path predicate: @ fits as many of these branches as allOf, anyOf or oneOf says. Null if that cannot be expressed. place: of the schema that has them.';

comment on function postrider_internal.branches_problem(text,jsonb,jsonb,text,integer) is 'Why a value does not fit anyOf or oneOf; null if it does.';

comment on function postrider_internal.burn_rate(numeric,numeric,bigint,numeric) is 'How many times as many deliveries were not in time as the target allows; 1 uses up the budget exactly, null if there were none.';

comment on function postrider_internal.can_be_read(uuid) is 'Whether Postgres can give an event to its listener; false if a value has a character without a form in UTF-8, or is damaged or too large.';

comment on function postrider_internal.cancel_many(uuid,uuid,text) is 'Cancels the deliveries of an event, or those to an endpoint, up to 10,000 that wait, and returns how many.';

comment on function postrider_internal.cancel_reason(text) is 'The reason with which a delivery is discarded if a person cancelled it. No other reason begins like it.';

comment on function postrider_internal.capture_function(text,text,text,text[],text[],json,text) is 'The body of the trigger function of a capture. Of the operations, Postgres has judged the condition of some. If there is a setting for it, a row that leaves one partition and arrives in another is one update.';

comment on function postrider_internal.capture_moves(regclass,text,text,text,text) is 'Creates the triggers by which an update that moves a row to another partition makes one event. Acts with the rights of its caller.';

comment on function postrider_internal.capture_settings(text,text) is 'The settings with which the function of a capture works: all that decide what a value looks like as text, how a text is read as a value, and how an expression is read. So the session that changes a row does not show in the event. Currency and language are those of the session that captures.';

comment on function postrider_internal.certificate_expiry(text) is 'Until when a certificate in PEM is valid, the first one if there are several; null if it cannot be read.';

comment on function postrider_internal.changed_table_statement(oid,oid,name,text[],text,json) is 'The statement that makes the event of a captured row if columns that the capture names were renamed or dropped since, or the row has moved from another partition. It is planned for every row.';

comment on function postrider_internal.charge_repeats(uuid[],uuid[],uuid[],smallint[],uuid[]) is 'Takes from the rates of endpoints what these attempts sent beyond one request each, such as after an answer 401.';

comment on function postrider_internal.check_capture(regclass,text[]) is 'Raises an error with the reason if the changes of a table cannot be captured completely, or the caller may not capture them.';

comment on function postrider_internal.check_capture_expression(regclass,text,text,text,text) is 'Raises an error unless this is a single SQL expression over old and new, of the type that is needed. Acts with the rights of its caller.';

comment on function postrider_internal.check_filter(jsonpath) is 'Refuses a filter that is not a predicate, and one that can never match, with what to write instead.';

comment on function postrider_internal.circuit_closed() is 'Wakes the daemons for what waits behind a circuit that has closed.';

comment on function postrider_internal.claim_context(text,jsonb,integer) is 'event_context(), tried before it is given out if the claim is one that reads no payload.';

comment on function postrider_internal.claim_deliveries(uuid,uuid,integer,integer,integer,uuid[],integer[],integer,integer) is 'Leases due deliveries to a daemon, a few of each endpoint; those with an ordering_seq and the same ordering key go one after the other, in its order; those with the same batch_id go in one request, which may be more than the endpoint has room for. The last row says after which endpoint to continue, null after the last one, and when more is due.';

comment on function postrider_internal.claim_events(uuid,integer,integer,integer,integer,integer,uuid[],uuid[]) is 'Claims a page of new events for a daemon and routes it. The first row gives the outcome (off: sending is switched off; page: more is left; aside: the same, and a transaction is aside; complete: nothing is left; empty: nothing is new); each further row is an event whose first attempts the daemon has in hand. A page ends before an event with a filter that takes too long, and the first row names that event and endpoint; if nothing comes before it, nothing is claimed (slow). unjudged_endpoints, unjudged_events: whose filters are not applied to which event (null: to any), so that the delivery is discarded; if the former is null, no filters are applied at all. unmatched, in the first row: the most frequent kinds of events that no endpoint gets.';

comment on function postrider_internal.close_api_session(bytea) is 'Ends a session of the dashboard, by the SHA-256 of its token.';

comment on function postrider_internal.close_ingest(text,uuid) is 'Ends a run. A run that read its input leaves nothing behind, and one that followed a file leaves its position.';

comment on function postrider_internal.compares_rows(pg_node_tree) is 'Whether an expression compares whole rows by value, which fails if the table has, or gets, a column of a type without equality.';

comment on function postrider_internal.compile_reference(text,jsonb,text,text[]) is 'The checks of a place of a JSON Schema that it refers to.';

comment on function postrider_internal.compile_schema(jsonb,jsonb,text,text[]) is 'The checks of a JSON Schema, with references resolved. Raises an error for what is outside the subset. references_followed: one element a level, the reference if the level is one.';

comment on function postrider_internal.conjunction(text[]) is 'All of these SQL/JSON path predicates at once; null if one of them cannot be expressed.';

comment on function postrider_internal.constant_headers(jsonb) is 'The headers of an endpoint that are the same for every event.';

comment on function postrider_internal.contains_problem(jsonb,jsonb,text,integer) is 'Why too few or too many elements of an array fit contains; null if as many do as must.';

comment on function postrider_internal.continue_erasure(text) is 'Erases the events of a tenant among the next 2,000, and says whether these were the last.';

comment on function postrider_internal.count_attempts(integer) is 'Attempts of the last hour by endpoint, of the newest ones up to a limit. is_exact is false if there are more.';

comment on function postrider_internal.count_counted(uuid) is 'How many requests of an endpoint with limits are in progress, or are about to begin: those of leases that have not expired. A daemon that was killed holds its own until they do.';

comment on function postrider_internal.count_overdue(uuid[],timestamp with time zone) is 'Deliveries that wait for active endpoints and were due before that time, up to some hundreds; is_exact is false if there may be more. Null for all endpoints, with the events that no daemon has claimed if the oldest of them was inserted before that time. What is scheduled for later, or was sent again by hand or by a replay, is left out.';

comment on function postrider_internal.count_replay_failures(uuid) is 'Adds the failures of a replay that are not counted yet to its row.';

comment on function postrider_internal.count_replay_pending(uuid) is 'How many deliveries of a replay are pending. A function, so that a list of replays that are over does not plan for the partitions of each day.';

comment on function postrider_internal.count_replayed(uuid,integer) is 'Pending deliveries of a replay, up to a limit. begun: those whose time has come, all but those that wait for their event''s deliver_at; unsent: those that are due.';

comment on function postrider_internal.count_requests(timestamp with time zone) is 'What became of deliveries since a time, seven days ago at most, by endpoint and minute, or by endpoint and hour if that is more than two hours ago; minutes: how many minutes it is of.';

comment on function postrider_internal.count_unclaimed(integer) is 'Events that no daemon has claimed, counted up to a limit. is_exact is false if there are more; oldest_at is then the oldest of those that are claimed next.';

comment on function postrider_internal.count_uncounted(uuid) is 'How many deliveries of an endpoint daemons have in hand that they took before it had a limit. It reads all that is in hand of every endpoint.';

comment on function postrider_internal.count_undelivered(integer) is 'Exhausted and discarded deliveries by endpoint, each counted up to a limit, and up to a hundredth of it once ten times as many have been counted. is_exact is false if there are more.';

comment on function postrider_internal.count_waiting(integer,timestamp with time zone,integer,integer) is 'Pending deliveries by endpoint, each counted up to a limit, and of the rest up to rest_max, a hundredth of it, once total_max have been counted, ten times as many. is_exact is false if there are more. overdue are those that should have arrived before due_before: 0 without it.';

comment on function postrider_internal.count_waiting_for(uuid,integer) is 'What waits for an endpoint, and how much of that is due, the oldest events first and up to so many; and the oldest event.';

comment on function postrider_internal.counted(bigint,text,text) is 'A number with its noun: 1 event, 2 events.';

comment on function postrider_internal.create_capture_trigger(regclass,name,text,text) is 'Creates a trigger whose condition is read with this search_path, unless Postgres cannot judge the condition alike for every session. Returns whether it did. Refuses a condition that would fail after a change of the table. Acts with the rights of its caller.';

comment on function postrider_internal.credential_hash(jsonb,bytea) is 'What is kept of a credential to tell whether the same one is given again: a salt of 16 bytes, and a hash that takes milliseconds.';

comment on function postrider_internal.cursor_behind(pg_snapshot,pg_snapshot,xid8,bigint,boolean,xid8[],bigint[],xid8[],bigint[],xid8[]) is 'The cursor once these events (xids, seqs) of a page are claimed: the columns of that name of postrider.claim. The other parameters are of the page; is_complete and ended_xids hold only if all of its events are claimed.';

comment on function postrider_internal.cursor_place(bytea,uuid,text) is 'The place that a cursor stands behind; null if it is no cursor of this endpoint.';

comment on function postrider_internal.daemons_without_key(text) is 'The daemons that are alive and lack this encryption key: they would pause the endpoints whose secrets it seals, because they cannot open them.';

comment on function postrider_internal.decide_first(integer[],uuid[],uuid[],integer[],uuid[],text[],bigint[],text[]) is 'Inserts deliveries without their first attempt, most of which have failed. places: which results those are, from 1.';

comment on function postrider_internal.decide_leased(uuid,uuid[],uuid[],uuid[],integer[],text[],bigint[],text[],integer[]) is 'Updates leased deliveries by the results of their attempts, if the daemon still holds the lease. alone: which results, from 1, leave their batch. locked: which results, from 1, are still to be decided because another session has locked the row; exhausted: which ones are exhausted now.';

comment on function postrider_internal.declared_grants() is 'What each role is granted: on tables as written here, on functions and views as their files say.';

comment on function postrider_internal.delete_records(timestamp with time zone,timestamp with time zone) is 'Deletes some replays that finished before that time, some minutes before it that no day holds, hours past their own retention, some answers of the API that are older than a day, and some rows of the audit that are older than that and than a year; returns how many.';

comment on function postrider_internal.delete_strays(date,timestamp with time zone) is 'Deletes some rows of the default partitions that belong to days before that one, in UTC, and are no longer needed; returns how many.';

comment on function postrider_internal.delete_unused_keys(date,timestamp with time zone) is 'Deletes some idempotency keys whose event does not exist, of days before that one, in UTC, and of days to come; returns how many.';

comment on function postrider_internal.disable_failing(uuid,text,uuid[],uuid[]) is 'Disables an endpoint because of its failures. An event tells of it, unless nothing but Postrider''s own events have failed there.';

comment on function postrider_internal.disable_gone_endpoints(uuid[],uuid[],uuid[]) is 'Disables the endpoints whose receivers answered 410 Gone to one of these events.';

comment on function postrider_internal.discard_deliveries(uuid,text,integer) is 'Discards pending deliveries of an endpoint, up to a limit, and returns how many. Attempts in progress are left alone.';

comment on function postrider_internal.discard_leftovers(uuid,integer) is 'Discards what waits for an endpoint that is gone, or disabled and stays so until this transaction ends; up to a limit, and says how many. Null if it takes deliveries by now, or somebody is changing it.';

comment on function postrider_internal.discard_ordered(uuid,text,integer) is 'Discards pending deliveries that have a place in the order of their key, up to a limit, and returns how many. If their endpoint is gone or disabled, its keys are halted no longer.';

comment on function postrider_internal.discard_pulled(uuid,uuid,text) is 'Discards a delivery of a pull endpoint that cannot be given to its receiver.';

comment on function postrider_internal.discard_reason(text) is 'The reason with which a delivery is discarded if its endpoint is in this state; null means deleted.';

comment on function postrider_internal.discard_unwanted(uuid[],uuid[],text[]) is 'Which results, from 1, would be attempted again although the delivery was cancelled meanwhile, or its endpoint was disabled or deleted; and the reasons with which they are discarded.';

comment on function postrider_internal.drop_capture(regclass,text) is 'Drops the triggers of a capture, and the functions of captures in that schema that have no triggers any more. Returns whether there was a capture.';

comment on function postrider_internal.drop_days(date) is 'Takes one step of removing the days before that one, in UTC, in which nothing is needed any more. deleted: some of their idempotency keys; emptied: a day; dropped: a partition of an empty day; busy: another session holds a lock.';

comment on function postrider_internal.drop_minutes(date) is 'Drops the oldest day of the minutes, if it is before that one, in UTC, and its hours are made, and says which. busy: another session holds a lock.';

comment on function postrider_internal.drop_objects(text) is 'Drops the objects that a function file made, with those of ours that depend on them. Fails if anything else depends on them. An upgrade calls it for objects that are in its way.';

comment on function postrider_internal.due_time(uuid) is 'When a delivery of the event that is made pending by hand may be attempted: now, or at the event''s deliver_at if that is later.';

comment on function postrider_internal.elements_problem(jsonb,jsonb,text,integer) is 'What payload_problem says of the first element of an array that does not fit.';

comment on function postrider_internal.empty_claims(uuid,bigint[]) is 'Takes the pairs out of claims that are finished but must stay because they are the cursor.';

comment on function postrider_internal.end_action() is 'Closes the row that begin_action() opened: each later change gets its own row in the audit.';

comment on function postrider_internal.end_deliveries(uuid[],uuid,text,boolean) is 'Ends the deliveries of some events, given in their order, or, if these are null, those to an endpoint, up to 10,000 that wait. Returns how many it discarded, and how many it marked because a daemon has them in hand; has_more: whether more may wait. replaces_marks: whether this reason replaces that of an earlier mark.';

comment on function postrider_internal.end_replay(uuid,text) is 'Cancels a replay and withdraws what has not been sent. The replay is finished when none of its deliveries is in flight.';

comment on function postrider_internal.end_replays() is 'Cancels the replays of an endpoint that was disabled or deleted.';

comment on function postrider_internal.ended_deliveries(uuid) is 'What is discarded if the endpoint is disabled or deleted now; null for nothing.';

comment on function postrider_internal.endpoint_audit() is 'Notes an edit of an endpoint in the audit; one that changes nothing leaves no row.';

comment on function postrider_internal.endpoint_authorization() is 'Refuses two values for the header that says who sends, and a client certificate that is never shown.';

comment on function postrider_internal.endpoint_batching() is 'Refuses batches in a format that has none, and to an endpoint that is ordered.';

comment on function postrider_internal.endpoint_changed() is 'Discards what waits for an endpoint that was disabled or deleted, and wakes the daemons for one that was resumed.';

comment on function postrider_internal.endpoint_changing() is 'Keeps an endpoint''s revision and times.';

comment on function postrider_internal.endpoint_credentials() is 'Moves credentials to postrider.endpoint_secret, and leaves in the endpoint what is no secret.';

comment on function postrider_internal.endpoint_defaults() is 'What an endpoint has for each option that is left out.';

comment on function postrider_internal.endpoint_faults(jsonb) is 'Everything in an entry of a file that an endpoint cannot have, each with its place and what to write instead.';

comment on function postrider_internal.endpoint_handshake_changed() is 'Has daemons ask the receiver of an endpoint for its consent.';

comment on function postrider_internal.endpoint_handshake_changing() is 'Takes back the consent of a receiver if the URL changes.';

comment on function postrider_internal.endpoint_inlining() is 'Refuses an inline_limit that nothing could be fetched with, and with what changes the payload.';

comment on function postrider_internal.endpoint_limiting() is 'Keeps the row under whose lock daemons lease for an endpoint with limits.';

comment on function postrider_internal.endpoint_options() is 'The columns of postrider.endpoint that create_endpoint() takes as options and operators may write. Readers do not see those that are secret, and neither errors nor the audit show their values.';

comment on function postrider_internal.endpoint_pulling() is 'Refuses another kind than an endpoint was created with, a pull endpoint with a URL or with options of requests, and any other without a URL.';

comment on function postrider_internal.endpoint_retry_policy() is 'Refuses a status that retry_on and give_up_on both name.';

comment on function postrider_internal.endpoint_secret_changed() is 'Increments the endpoint''s revision, so that daemons load the secrets again.';

comment on function postrider_internal.endpoint_secret_changing() is 'Lets at most 10 secrets sign for an endpoint, each of its kind, fills in public keys, and locks the endpoint in a way that cannot deadlock.';

comment on function postrider_internal.endpoint_signing_changed() is 'Gives an endpoint what its requests are to be signed with, if it has none that stays valid: makes an HMAC secret, or asks for an ed25519 key, which a daemon makes.';

comment on function postrider_internal.equality_predicate(jsonb,text) is 'An SQL/JSON path predicate: @ is one of these options, which are at that place of the checks. Null if that cannot be expressed, as with arrays and objects.';

comment on function postrider_internal.erase_events(uuid[]) is 'Overwrites what these events said, everywhere, and ends their deliveries. Returns how many of those waited and how many a daemon has in hand.';

comment on function postrider_internal.event_context(text,jsonb) is 'What receivers learn of an event beside its type and payload: its ordering key, its traceparent, and the first 4097 characters of its attributes as the text of JSON. Null if it has none of these.';

comment on function postrider_internal.event_facts(uuid,text,timestamp with time zone,text,text,jsonb) is 'What a path finds in $event.';

comment on function postrider_internal.event_query(text,text,text,text,text,text,text,text) is 'The query for the payload, ordering key and tenant of a captured row''s event: no row if the condition is not met. Its source gives old, new, operation and is_judged, and ends with a condition.';

comment on function postrider_internal.event_time(timestamp with time zone) is 'A time in UTC as daemons get it: ISO 8601 whatever the session''s settings say, a third of the price of to_char. The daemon writes it as the body of a request has it.';

comment on function postrider_internal.event_type_audit() is 'Notes in the audit an edit of the catalogue or of the policy for unknown types.';

comment on function postrider_internal.event_type_changing() is 'Compiles the schema of a definition that is enforced, and refuses what is outside the subset.';

comment on function postrider_internal.event_type_patterns(text) is 'The patterns of subscriptions that match an event type: itself, its prefixes, and * unless it is one of postrider''s own.';

comment on function postrider_internal.exactly_one(text[]) is 'An SQL/JSON path predicate: exactly one of these is true. None may be null.';

comment on function postrider_internal.explain_behind(text,uuid) is 'Why a delivery waits for another event of its ordering key. detail: ordered, or halted, as in postrider.delivery_status.';

comment on function postrider_internal.explain_circuit(uuid) is 'Why deliveries of an endpoint wait whose circuit is open, and for how long.';

comment on function postrider_internal.explain_filter(json,jsonpath) is 'Why a payload does not match a filter; null if it does.';

comment on function postrider_internal.explain_format(text,jsonb) is 'The format in which an endpoint has its events, and which of these attributes it leaves out, as the end of a sentence. Empty for the standard format.';

comment on function postrider_internal.explain_handshake(uuid) is 'Why deliveries of an endpoint wait for the consent of its receiver: what it answered, and when it is asked again.';

comment on function postrider_internal.explain_lack(text) is 'Says that a tenant has no endpoint, and which tenants have some.';

comment on function postrider_internal.explain_match(text,json,uuid) is 'Why an event of this type with this payload does not match the present subscriptions of an endpoint; null if it does.';

comment on function postrider_internal.explain_order(uuid,uuid) is 'That the event is sent in any order although the endpoint is ordered, because it has no ordering key; null otherwise.';

comment on function postrider_internal.explain_pulled(text,text) is 'What a delivery of a pull endpoint waits for, given its detail in postrider.delivery_status; stop: why nothing is delivered at all, null if it is.';

comment on function postrider_internal.explain_size(uuid,uuid) is 'That an event is too large to be sent with its payload, as the end of a sentence; empty if it is not.';

comment on function postrider_internal.explain_transformation(uuid,uuid) is 'What the transformation of an endpoint would do with an event, to be added to the words that it would be sent.';

comment on function postrider_internal.fetch_events(uuid,uuid,text,integer,integer,integer,text,boolean) is 'A page of a pull endpoint behind a cursor, or behind what was acknowledged if that is null; acknowledges everything up to it. unreadable: why the event that follows cannot be given, and so is discarded; null otherwise. The first row gives the outcome (page; paused: the endpoint is, or waits for a key, or sending is switched off, and there are no events; large: the next event has more bytes than a page, and with_large does not allow that; disabled; unknown: there is no such pull endpoint; foreign: the cursor is none of it; gone: something behind the cursor is past its retention) and the next cursor: behind the page, or from where on nothing is missing if the given one is refused. Each further row is an event.';

comment on function postrider_internal.file_objects(text) is 'The function, view, type and triggers that a function file made, in the order in which they can be dropped.';

comment on function postrider_internal.fill_retention(interval) is 'Sets the retention if it is not set yet, and returns the one that counts.';

comment on function postrider_internal.find_allowance(uuid,integer) is 'Of the deliveries for which a daemon has room at an endpoint with limits, how many requests it may lease now; if the limits allow no more, when to look again. If it may lease any, others may not until the transaction ends.';

comment on function postrider_internal.find_event(uuid,integer) is 'The event of that id, as claims give it to a daemon; no row if it is gone or was erased.';

comment on function postrider_internal.find_fetchable(uuid[],text[]) is 'Which of these pull endpoints, by their places in the list, have an answer for a receiver that waits behind the cursor beside it: something is due, or has been given to another receiver, or the endpoint was disabled or deleted.';

comment on function postrider_internal.find_heads(uuid,boolean,integer,timestamp with time zone,integer) is 'The keys of an ordered endpoint whose first delivery may be sent now, up to keys_max of them. It may if it is due, nothing of its key is in progress or halts it, and everything that was committed before it has been claimed. next_attempt_at: when the first one comes due that has no place in the order; rows_left: how many deliveries the daemon can take, of which each key gets a part. If the endpoint is not ordered any more, takes what waits out of the order.';

comment on function postrider_internal.find_payload(uuid,uuid) is 'What decides whether the payload of an event may be fetched with a token of an endpoint: the secrets that sign tokens, newest first, and whether the endpoint is disabled and was sent the event, which is still there. No row if there is no such endpoint.';

comment on function postrider_internal.find_rules(text,text) is 'The subscriptions of a tenant with exactly this pattern, and the endpoint of each unless that is disabled. is_express: it takes first attempts from memory, because it is sent its events, is not paused, its circuit is closed, its receiver consents, it gets no batches, transforms nothing, is not ordered, has no limits, and has the key that its requests are signed with.';

comment on function postrider_internal.fingerprint(text) is 'A hash of the objects that a function file made; null if there are none.';

comment on function postrider_internal.finish_cancellations() is 'Discards what was cancelled while a daemon had it in hand and is in no daemon''s hand any more, and deletes cancels whose delivery has ended.';

comment on function postrider_internal.finish_claims(uuid,bigint[],uuid[],uuid,bigint) is 'Deletes claims whose pairs are all recorded. epochs: of each, the one in which all of it was recorded. kept_claims: those that are recorded but must stay for now.';

comment on function postrider_internal.fit_page(integer[],integer[],integer) is 'How many events of a page have no more than pairs_max pairs together, as routed by route_page; one at least.';

comment on function postrider_internal.fits_row(anyelement,text) is 'Whether the function that makes a captured row''s event can be planned with the present types of the row''s columns. Called with a constant, so that a plan asks once.';

comment on function postrider_internal.give_kept_grants() is 'Repeats the grants that keep_grants() has noted.';

comment on function postrider_internal.gives_list(jsonpath) is 'Whether a path may give several values, and so gives a list, however many there are. That is seen in the path alone, so that a receiver need not expect now a list and now a value.';

comment on function postrider_internal.halts_key(uuid) is 'Whether a delivery to this endpoint that is exhausted halts its ordering key; null if it does not.';

comment on function postrider_internal.halvings(integer) is 'How often a list is halved until each part has one member. A predicate for oneOf has each of its branches once more than that.';

comment on function postrider_internal.has_no_login(text) is 'True if a URL has no user and no password. Otherwise it raises an error that says where to put them.';

comment on function postrider_internal.has_passed(pg_snapshot,pg_snapshot,xid8,bigint,xid8[],bigint[],xid8,bigint) is 'Whether a cursor (the first six, as in a row of postrider.claim) has passed the event with that xid and seq.';

comment on function postrider_internal.has_placed(uuid,bigint) is 'Whether a delivery of a pull endpoint has a place behind that one; false if that is null.';

comment on function postrider_internal.has_signing_key(uuid) is 'Whether an ed25519 key can sign for an endpoint. Asked only of endpoints that want one: until a daemon has made it, their deliveries wait.';

comment on function postrider_internal.has_unplaced(uuid,bigint) is 'Whether a delivery of a pull endpoint is due that has no place yet, or one that was acknowledged before it was sent again.';

comment on function postrider_internal.histogram(integer[]) is 'How often each place occurs, from 1 on.';

comment on function postrider_internal.holds_credential(jsonb) is 'Whether there is something secret in what was given for the auth or client_certificate of an endpoint.';

comment on function postrider_internal.ingest_lock_key(text) is 'The key of the advisory lock that the session of an ingest holds.';

comment on function postrider_internal.insert_changed_event(text,text,text,oid,oid,text,text,text,boolean) is 'Inserts the event of a captured row whose table has changed, by the statement of changed_table_statement(). If that cannot be planned any more, because an expression does not fit the columns, an event postrider.capture.failed takes its place.';

comment on function postrider_internal.insert_lines(text,text,text[],integer[]) is 'Inserts lines as events, in order, except those that Postgres refuses: it returns their numbers and the reasons.';

comment on function postrider_internal.insert_own_event(text,json) is 'Inserts an event of one of Postrider''s own types, whoever the caller acts for.';

comment on function postrider_internal.install_file(text,text,text,text,text) is 'Installs a function file if its text has changed, and returns whether it did. For the owner, within a migration.';

comment on function postrider_internal.is_as_captured(anyelement,oid,text[],text) is 'Whether the function that makes a captured row''s event is still there, finds the columns that it names, and can work with their types. Costs a comparison a row.';

comment on function postrider_internal.is_auth(jsonb) is 'True if requests can be authenticated in this way. Otherwise it raises an error that says why, and shows no value.';

comment on function postrider_internal.is_cancelled(text) is 'Whether this is the reason of a delivery that a person cancelled, made by cancel_reason().';

comment on function postrider_internal.is_claimed(xid8,bigint) is 'Whether the cursor has passed an event. After that, changes of subscriptions do not affect it.';

comment on function postrider_internal.is_client_certificate(jsonb) is 'True if this can be a client certificate. Otherwise it raises an error that says why, and shows nothing of it.';

comment on function postrider_internal.is_count(jsonb) is 'Whether this is a whole number from 0 on.';

comment on function postrider_internal.is_for_batch(integer,integer,uuid) is 'Whether a delivery that is in no batch may share a request with others: its retry schedule has just begun, and it is not one that a person sends again.';

comment on function postrider_internal.is_function(text) is 'Whether there is one function of this name. Called with a constant, so that a plan asks once.';

comment on function postrider_internal.is_listed(jsonb) is 'Whether a predicate compares with these options as a list, because they are many and, except for null, of one type.';

comment on function postrider_internal.is_needed(uuid,uuid) is 'Whether an event with an id in this range is unclaimed, in a daemon''s hand, undelivered, about to be replayed, or halts its ordering key.';

comment on function postrider_internal.is_option(jsonb,jsonb) is 'Whether a value is one of a list.';

comment on function postrider_internal.is_own(xid8,xid) is 'Whether the transaction that a row names wrote the row here, so that it was not restored or replicated. row_xmin: the xmin of the row.';

comment on function postrider_internal.is_path(text) is 'Whether a text in a template, or the value of a header, is a path. One that begins with two dollar signs stands for itself, with one.';

comment on function postrider_internal.is_pem(text,text) is 'Whether a text has a block in PEM with this label, and each of these holds what it should. Null passes.';

comment on function postrider_internal.is_public_jwk(jsonb) is 'True if bodies can be encrypted to this public JWK. Otherwise it raises an error that says why, and does not show the key.';

comment on function postrider_internal.is_recorded(uuid[],uuid[]) is 'Whether each of these pairs has its delivery, so that the claim that held them can be deleted.';

comment on function postrider_internal.is_settled(xid8,bigint,timestamp with time zone,xid,pg_snapshot,pg_snapshot,xid8,bigint,xid8[],bigint[],timestamp with time zone,boolean) is 'Whether the present cursor has passed an event. is_copied: the cursor was written in another cluster.';

comment on function postrider_internal.is_stored_credential(uuid,text,jsonb) is 'Whether an endpoint has this credential already, sealed or not.';

comment on function postrider_internal.is_subscribed(text) is 'Whether an endpoint that is not disabled takes events of this one of Postrider''s own types, whose tenant is the empty string.';

comment on function postrider_internal.is_thin(json,integer) is 'Whether a payload is larger than an endpoint''s inline_limit, so that its receiver fetches it.';

comment on function postrider_internal.is_transformation(text) is 'True if an endpoint''s payload can be made by this path or template. Otherwise it raises an error that says what is wrong.';

comment on function postrider_internal.is_wake_off() is 'Whether the setting postrider.wake is off: any of the words that Postgres takes for false, in capitals or not.';

comment on function postrider_internal.judge_event(text,json) is 'Refuses an event that does not fit the enforced schema of its type, or whose type is unknown if unknown types are refused.';

comment on function postrider_internal.judge_failing(uuid[],uuid[],text[],text[]) is 'Tells, once in an outage and by the audit and an event, which endpoints keep failing, and opens their circuits. Disables those that have had nothing but failures for longer than their disable_after. reasons: of the results whose delivery was given up for its answer. Returns what the daemon says of circuits; null if that is nothing.';

comment on function postrider_internal.judge_filters(json,uuid[],jsonpath[]) is 'The endpoints with a filter that the payload matches, and those with one that Postgres cannot judge, with the reason; no row means no match. Takes a second or two at most. It stops at a filter that takes longer than half a second, twice in a row (is_slow); the rows of the others are then not complete.';

comment on function postrider_internal.judge_lines(text[],jsonpath) is 'Which lines are JSON and match the filter, and which Postgres cannot read or judge, with the reasons. It judges line by line, as subscriptions are judged.';

comment on function postrider_internal.judge_page(uuid[],integer[],integer[],postrider_internal.claim_rule[],uuid[],uuid[]) is 'How many events the page has room for, and what the filters say of each: verdicts holds the pairs that match, and those that cannot be judged, with the problem. The page ends before an event with a filter that takes too long, which is named.';

comment on function postrider_internal.judge_payload(text,json,jsonb,jsonpath,bigint,bigint,bigint) is 'Refuses a payload that does not fit, with the reason. A payload that is too much work for both the predicate and the walk is refused as well; half a second is the most.';

comment on function postrider_internal.judge_probes(uuid[],uuid[],text[]) is 'Closes the circuits of endpoints that have succeeded, and doubles the gap after a probe that has failed. Returns what the daemon says of them; null if that is nothing.';

comment on function postrider_internal.judged_event_types() is 'The event types whose definition an insert looks at, because they are enforced; null for all. Rewritten by postrider_internal.set_judged_event_types when the catalogue changes.';

comment on function postrider_internal.keep_api_request(bytea,bytea,smallint,text) is 'Keeps what the API answered to a request with an Idempotency-Key, in the transaction that did it.';

comment on function postrider_internal.keep_files(text[],text) is 'Drops the objects of the function files that are not among these and returns their names. Records the present state of all others. For the owner, within a migration.';

comment on function postrider_internal.keep_grants(text) is 'Notes what a site has granted to its own roles on the objects of a function file, until they are created again.';

comment on function postrider_internal.kept_place(uuid,bigint) is 'The place of a delivery that is made again, if it was acknowledged: slower receivers find it there, and it gets a later one besides. Null if it was not, or acknowledging what was given would end it before it is given again.';

comment on function postrider_internal.keyword_advice(text) is 'What to do about a keyword of JSON Schema that was refused.';

comment on function postrider_internal.keyword_problem(text,jsonb) is 'What is wrong with a keyword of a JSON Schema: it is outside the subset, or its value makes no sense. Null if nothing is.';

comment on function postrider_internal.known_deliveries(uuid[],uuid[]) is 'Which of these pairs, from 1, have their delivery already.';

comment on function postrider_internal.lease_batches(uuid,uuid,integer,integer,integer,integer,integer,integer) is 'Leases due deliveries of an endpoint that gets batches, until they take up that much room, one unit of which is 32 KiB. What has the same batch_id goes in one request; what has none goes alone. requests_allowed: how many requests the endpoint''s limits allow; null if it has none.';

comment on function postrider_internal.lease_deliveries(uuid,uuid,integer,integer,integer,integer,integer,boolean,boolean,postrider_internal.found_heads) is 'Leases due deliveries of one endpoint to a daemon, up to deliveries_max of them; in batches if batch_size is above 1. is_limited: whether they count for limits of the endpoint, which allow so many requests; is_open: whether the endpoint''s circuit is open; heads: what find_heads says if it is ordered.';

comment on function postrider_internal.lease_members(uuid,uuid,uuid[],uuid,integer,integer,boolean) is 'Leases these deliveries, which the transaction has locked: each alone, or all of them as this batch, which is stored with the lease, so that it is sent again with the same members and the same id. is_limited: whether each request counts for limits of the endpoint.';

comment on function postrider_internal.lease_ordered(uuid,uuid,postrider_internal.found_heads,integer,integer,integer,boolean) is 'Leases deliveries of an ordered endpoint to a daemon: the first ones of these keys, up to keys_max of them, and such as have no key. None if another daemon is doing so.';

comment on function postrider_internal.lease_probe(uuid,uuid,integer,integer,integer,integer,integer,boolean,postrider_internal.found_heads) is 'Leases deliveries of an endpoint whose circuit is open: those that people ask for, or else a single one, or batch, when the next probe is due.';

comment on function postrider_internal.leave(uuid) is 'A clean stop: other daemons may take over at once what this one still had in hand.';

comment on function postrider_internal.left_out_attributes(jsonb,text) is 'Which of an event''s attributes a format of CloudEvents does not carry, and why, without their values. Null if it carries all of them, and for other formats.';

comment on function postrider_internal.length_predicate(numeric,numeric) is 'An SQL/JSON path predicate: the length of the text @ is within the bounds, either of which may be null. Null if that cannot be expressed.';

comment on function postrider_internal.lock_batch(uuid,uuid) is 'Locks what is left of a batch that was sent before, and returns its members; null unless all of them are due and can be locked.';

comment on function postrider_internal.lock_endpoint(uuid) is 'Locks an endpoint and returns its state, which stays the same until this transaction ends. An operator''s actions take this lock first, then those on secrets, subscriptions or deliveries.';

comment on function postrider_internal.lock_event_types() is 'Lets one transaction at a time edit the catalogue. It writes, so a transaction with an older snapshot fails instead of overlooking the last edit.';

comment on function postrider_internal.lock_hours() is 'Keeps the hours as they are until the end of the transaction, and returns until when they are made; null if none was yet.';

comment on function postrider_internal.lock_new_batches(uuid,timestamp with time zone,integer,integer,integer,integer) is 'Locks deliveries that have not been sent in a batch, the first of which has been due since then, and returns the members of each request: full batches, one that is not full if its first delivery has waited for long enough, and single deliveries that are too large for a batch.';

comment on function postrider_internal.lock_requests(uuid,uuid,uuid,timestamp with time zone,integer,integer,integer,integer) is 'Locks what can be sent, beginning with the delivery that is due first, and returns the members of each request: of the batch that it was sent in, of new batches if it has been due since new_since and in none, or itself.';

comment on function postrider_internal.lock_runs(uuid,text[],integer) is 'Locks the first deliveries of each of these keys of an ordered endpoint, up to run_max of a key, as far as they can be sent one after the other, and returns their events, those of a key in their order.';

comment on function postrider_internal.lock_secret(uuid,xid) is 'Locks a secret and its endpoint, whose id it returns; null if the row is not the version that was read (its xmin; null: there is no secret yet), or another session has one of them locked.';

comment on function postrider_internal.lock_unordered(uuid,integer) is 'Locks due deliveries of an ordered endpoint whose events have no key, up to a limit, and returns their events.';

comment on function postrider_internal.lock_walk(uuid) is 'Locks the row of postrider.ordered_walk of an ordered endpoint, so that one daemon at a time gives places and leases. False if another has it.';

comment on function postrider_internal.look_at_deliveries(text,uuid[],uuid,uuid,integer) is 'The newest deliveries of a range of events, read in the order of one index: so many, or so many of each endpoint (part).';

comment on function postrider_internal.lost_attempts(timestamp with time zone,timestamp with time zone) is 'The attempts that daemons which are gone recorded in these minutes and did not count in postrider.daemon_minute; cause: how it failed, end_state: how it ended its delivery, request_place and delay_place: its places in the histograms.';

comment on function postrider_internal.lost_columns(oid,oid) is 'The columns that a capture names in its expressions, as its function''s comment lists them, and that its table no longer has by these names; null for none.';

comment on function postrider_internal.make_capture(regclass,text,text[],text,text,text,text,name[]) is 'Does the work of capture(), with the schemas in which the expressions find what they name. Acts with the rights of its caller.';

comment on function postrider_internal.make_hour(timestamp with time zone) is 'Sums the minutes of the next hour that has any and has been over for an hour, in postrider.endpoint_hour_part, endpoint_five_minutes_part, daemon_hour_part and unmatched_hour, and returns when it began; null if there is none, or another session is making it. Deletes the five minutes that no chart needs any more.';

comment on function postrider_internal.make_key(uuid,text,text) is 'Stores the ed25519 key that a daemon has made, sealed or not, if it is still wanted. False if it is not, or an operator is changing the endpoint at this moment.';

comment on function postrider_internal.make_partitions(interval,timestamp with time zone) is 'Takes one step of making the daily partitions from today on, and says which. made: one exists; guarded, validated, released: steps on the way if much is in the default partition; busy: another session holds a lock, so call it again later. No row: nothing is left to do, or another session is doing it. Daemons call it until then; it is safe at any time.';

comment on function postrider_internal.masked_headers(jsonb,jsonb) is 'Request headers without their values, and which of them differ from the earlier ones.';

comment on function postrider_internal.measure_endpoints(uuid[],integer) is 'Of each of these endpoints: its names, whether its circuit is open, how many deliveries wait, counted up to a limit, and the age of their oldest event. For metrics.';

comment on function postrider_internal.measure_figures(integer) is 'The version of the schema, partitions ahead, endpoints by state and with an open circuit, daemons, replays, how full the queue of notifications is, and unclaimed events, counted up to a limit. For metrics.';

comment on function postrider_internal.measure_waiting(uuid,uuid,integer) is 'Counts up to rows_max deliveries that wait or are leased, in the order of endpoint and event, behind the given one, and says where to continue; null if there are no more. last_rows are those of the last endpoint. Overdue is what nothing known holds back. For metrics.';

comment on function postrider_internal.missing_rows() is 'Which rows that daemons cannot work without are gone, and how each is made again.';

comment on function postrider_internal.move_sequence(text,text,bigint,integer) is 'Moves the sequence of a column beyond the largest value, unless it is there already: logical replication leaves sequences at their beginning.';

comment on function postrider_internal.move_strays(date,timestamp with time zone) is 'Takes one step of moving the rows of past days, from that day on, in UTC, from the default partitions into partitions of their days, if they are few, and says which partition was made.';

comment on function postrider_internal.nearest(text,text[]) is 'The candidate that was most likely meant by this word; null if none is near.';

comment on function postrider_internal.nearest_event_type(text) is 'The defined event type that was most likely meant; null if none is near.';

comment on function postrider_internal.new_api_token(text) is 'Makes a key, a session''s token or a link of the API: 256 random bits behind a prefix.';

comment on function postrider_internal.new_attempts(uuid[],uuid[],uuid[]) is 'These attempts, with null for those that are recorded already.';

comment on function postrider_internal.new_secret() is 'Makes a secret of 32 random bytes, in the format of Standard Webhooks.';

comment on function postrider_internal.next_endpoint(uuid,uuid) is 'The next endpoint after that one for which something waits, null if there is none; when the first of it comes due that is in no order, and whether a person asks for it; and the next endpoint with something in the order of a key, which is looked up only if the known one is not behind it.';

comment on function postrider_internal.note_action(text,uuid,uuid,jsonb) is 'Adds a row to the audit for an action that changes no endpoint, subscription or secret.';

comment on function postrider_internal.note_change(text,uuid,text,jsonb,jsonb) is 'Writes what was there before and after into the audit: into the row of the function that is running, or into a new one. list_name: the list that the value is an element of.';

comment on function postrider_internal.note_discards(uuid[],boolean) is 'Counts deliveries that a function has discarded, in postrider.endpoint_minute and postrider.daemon_minute. endpoint_ids: the endpoint of each; are_excused: whether a person decided about them.';

comment on function postrider_internal.note_endpoint_event(text,uuid,json) is 'Inserts one of Postrider''s own events about an endpoint, if anything is subscribed to it and the endpoint still exists: which one it is, without secrets, and these facts.';

comment on function postrider_internal.note_exhausted(integer[],uuid[],uuid[],integer[],smallint[],text[],text[]) is 'Inserts an event postrider.delivery.exhausted for each of these results, from 1.';

comment on function postrider_internal.note_failed_capture(text,oid,json,text) is 'Inserts an event postrider.capture.failed: the change of a captured row of which no event could be made, and why.';

comment on function postrider_internal.note_gone(uuid,uuid) is 'Notes for each pull endpoint how far what it was given is gone, once events with an id in this range are removed.';

comment on function postrider_internal.note_health(uuid[],uuid[],uuid[],double precision[],integer[],smallint[],text[],text[],text[]) is 'Updates postrider.endpoint_failure by these attempts. Then tells of those that keep failing or have recovered, opens and closes circuits, and disables those that have failed for too long. Returns what the daemon says of circuits; null if that is nothing.';

comment on function postrider_internal.note_idempotency_key(text,text,uuid) is 'Notes the idempotency key of an event, and returns whether it was new. If not, the event is left out of its insert (INSERT 0 0).';

comment on function postrider_internal.note_moving_row() is 'Notes which row is being updated: if it is deleted next, it moves to another partition.';

comment on function postrider_internal.note_recoveries(jsonb) is 'Notes in the audit, and tells by an event, which outages a success has ended. outages: those that were told of, by endpoint, with what is said of each.';

comment on function postrider_internal.note_replay_failure() is 'Notes a replayed delivery that was exhausted or discarded.';

comment on function postrider_internal.note_replay_problem(uuid,text) is 'Notes what was wrong with a step, where operators look for it. The next step is due in ten seconds.';

comment on function postrider_internal.note_signed_request(uuid,uuid) is 'Notes in the audit that somebody was given the request of an event, with a signature that an endpoint accepts.';

comment on function postrider_internal.note_unmatched(postrider_internal.claim_page,integer,integer[],text[],postrider_internal.claim_pair[]) is 'Counts the events of a page, up to event_count, that no endpoint gets, in postrider.unmatched_minute, and returns the most frequent kinds of them with an event of each; null if there are none. lists, at places: which endpoints get the event from memory; others: what goes to the queue.';

comment on function postrider_internal.notify_daemons(text) is 'Notifies the daemons, asleep or not. An empty payload announces new events. Any other one is for the actions of operators, which are rare, and makes daemons look for everything: one that is awake would only find the change with its next poll.';

comment on function postrider_internal.object_predicate(jsonb,text) is 'An SQL/JSON path predicate: the object @ has the properties that it must and may have. Null if that cannot be expressed.';

comment on function postrider_internal.objective_audit() is 'Notes an edit of the objectives in the audit.';

comment on function postrider_internal.open_api_session(bytea) is 'Opens a session of the dashboard for half a day, by the SHA-256 of a key or of a link. No row if there is none, or it has expired.';

comment on function postrider_internal.open_circuit(uuid,bigint) is 'Stops sending to an endpoint, but for probes, and returns what the daemon says of it; null if that was not possible now.';

comment on function postrider_internal.open_ingest(text,text,uuid,boolean,text,text) is 'Begins or continues an ingest, for as long as the session lasts. outcome: new; known, with the position; busy, if another session has it; displaced, if the run that wants to continue is no longer the last one.';

comment on function postrider_internal.option_changes(jsonb,jsonb) is 'The options of an endpoint, and its url, that the new row has otherwise than the old one, with both values as they may be shown: without secrets and without the query of the url.';

comment on function postrider_internal.outbox_inserting() is 'Judges each event before it is inserted, leaves it out if its idempotency key is known, and wakes the daemons if they sleep.';

comment on function postrider_internal.outbox_updating() is 'Refuses a null in an event that is changed, without showing the row: it holds the payload.';

comment on function postrider_internal.pair_page(uuid[],integer[],integer[],uuid[],integer) is 'The pairs of events and endpoints if every event gets all endpoints of its kind, as routed by route_page: those of as many events as have no more than pairs_max, but of one event at least.';

comment on function postrider_internal.parse_filter(text) is 'Reads a filter, or raises an error that says what is wrong with it.';

comment on function postrider_internal.parse_path(text) is 'Reads a path of a transformation. Refuses one that is wrong, and one that could take long, with what to write instead.';

comment on function postrider_internal.partition_bound(text,date) is 'Where the partition of that day begins, in UTC, as text.';

comment on function postrider_internal.partition_key(text) is 'The column by which a table is partitioned.';

comment on function postrider_internal.partition_time(uuid) is 'The time that the first 48 bits of a UUID represent, whatever its version. It decides the partition.';

comment on function postrider_internal.pass_empty_page(postrider_internal.claim_page,uuid,bigint) is 'The outcome of a claim that has found no events. Moves the cursor if it must.';

comment on function postrider_internal.pause_unreadable(uuid[],bigint[],text[]) is 'Pauses endpoints whose secrets a daemon cannot read. Those that have changed since, or that an operator is changing at this moment, are left as they are.';

comment on function postrider_internal.payload_problem(jsonb,jsonb,text,integer) is 'Where a payload does not fit these checks, what was expected there and what was found; null if it fits. steps_left bounds the work: if it ends below 0, the steps were used up and nothing is known.';

comment on function postrider_internal.payload_steps(text,bigint,bigint,bigint) is 'The most steps that a predicate takes to judge a payload.';

comment on function postrider_internal.percentiles(bigint[],integer[]) is 'Within how many milliseconds 50, 95 and 99 of 100 ended, interpolated, and the bounds that these lie within; null if nothing is counted.';

comment on function postrider_internal.place_in_order(uuid,uuid,boolean) is 'The place of a delivery among those of its ordering key, if it is wanted and the endpoint is ordered; no row if it has none.';

comment on function postrider_internal.place_pulled(uuid,bigint,bigint,integer) is 'Gives due deliveries of a pull endpoint the next places behind the last one: so many as are wanted, and those due at the same time as the last of them. Returns how many.';

comment on function postrider_internal.place_within(text,text) is 'Where a part of the checks is, as a variable of SQL/JSON path: a predicate runs with the checks as its variables.';

comment on function postrider_internal.plan_transformation(uuid) is 'What is to be done with each event for an endpoint; null if it has no path anywhere.';

comment on function postrider_internal.pointer_step(text) is 'One more step of a JSON pointer (RFC 6901).';

comment on function postrider_internal.portal_attempts_searched_to(timestamp with time zone,timestamp with time zone,timestamp with time zone,uuid) is 'How far back portal_failed_attempts() looked, if it found no more. It tells a tenant how far the last 20,000 attempts of all tenants reach, and nothing else of them.';

comment on function postrider_internal.portal_cancel_replay(uuid) is 'Ends a replay to an endpoint of the tenant whose token this transaction shows.';

comment on function postrider_internal.portal_change_endpoint(uuid,jsonb,bigint) is 'Changes the URL, the name, the description and headers of an endpoint of the tenant whose token this transaction shows. Headers that are not named stay, and null removes one. False, and nothing is changed, if the endpoint has another revision.';

comment on function postrider_internal.portal_create_endpoint(text,text[],text,text,text,jsonb) is 'Creates an endpoint of the tenant whose token this transaction shows, up to 100 of them, with one subscription for each of the event types, all with the same filter.';

comment on function postrider_internal.portal_delete_endpoint(uuid,text,boolean) is 'Deletes an endpoint of the tenant whose token this transaction shows, or says what that would end, as postrider.delete_endpoint() does.';

comment on function postrider_internal.portal_deliveries(uuid,uuid,integer) is 'What became of an event at each endpoint of the tenant whose token this transaction shows.';

comment on function postrider_internal.portal_error(text,text) is 'What a tenant sees of an error. What name resolution, the egress policy, the proxy and the credentials said stays with operators: it may name what is inside their network.';

comment on function postrider_internal.portal_events(timestamp with time zone,timestamp with time zone,text,uuid,uuid,integer) is 'The events of the tenant whose token this transaction shows, the newest first, with how many of their deliveries are in each state. Looks at 10,000 events at most.';

comment on function postrider_internal.portal_failed_attempts(uuid,timestamp with time zone,timestamp with time zone,timestamp with time zone,uuid,integer) is 'Failed attempts to send events to the endpoints of the tenant whose token this transaction shows, the newest first. Looks at 20,000 attempts of all tenants at most.';

comment on function postrider_internal.portal_pause_endpoint(uuid,text) is 'Pauses an endpoint of the tenant whose token this transaction shows.';

comment on function postrider_internal.portal_reason(text) is 'What a tenant sees of why an endpoint is paused or disabled, or a delivery was discarded: without the error, see portal_error().';

comment on function postrider_internal.portal_redeliver(uuid,uuid) is 'Makes one more attempt to send an event of the tenant whose token this transaction shows to one of its endpoints.';

comment on function postrider_internal.portal_replay_range(uuid,timestamp with time zone,timestamp with time zone,text,text[],boolean) is 'Sends what an endpoint of the tenant whose token this transaction shows missed within the last seven days again, or counts it. One replay at a time.';

comment on function postrider_internal.portal_resume_endpoint(uuid) is 'Resumes an endpoint of the tenant whose token this transaction shows, also one that was disabled for its failures. What an operator disabled stays so.';

comment on function postrider_internal.portal_rotate_secret(uuid,interval) is 'Makes a new secret for an endpoint of the tenant whose token this transaction shows, as postrider.rotate_secret() does.';

comment on function postrider_internal.portal_searched_to(timestamp with time zone,timestamp with time zone,uuid) is 'How far back portal_events() looked, if it found no more. It tells a tenant how far the last 10,000 events of all tenants reach, and nothing else of them.';

comment on function postrider_internal.portal_send_test_event(uuid,text,json) is 'Sends a test event to an endpoint of the tenant whose token this transaction shows.';

comment on function postrider_internal.portal_subscribe(uuid,text,text) is 'Subscribes an endpoint of the tenant whose token this transaction shows, to any but Postrider''s own events, up to 100 times.';

comment on function postrider_internal.portal_tenant(text) is 'The tenant of the token that this transaction shows; null without one, or if it lacks the capability. The views of the portal show what belongs to this tenant.';

comment on function postrider_internal.portal_undelivered(text[],uuid,timestamp with time zone,uuid,uuid,integer) is 'Deliveries to the endpoints of the tenant whose token this transaction shows that ended without success, the newest event first.';

comment on function postrider_internal.portal_unsubscribe(uuid) is 'Removes a subscription of the tenant whose token this transaction shows.';

comment on function postrider_internal.portal_waiting(uuid,uuid,integer) is 'What waits for an endpoint of the tenant whose token this transaction shows, the oldest event first.';

comment on function postrider_internal.predicate_for(text,jsonb,text) is 'An SQL/JSON path predicate: if @ is of that type, then this. types: those that @ may have; null for all.';

comment on function postrider_internal.predicate_steps(jsonb) is 'The most steps of 0.05 us that a predicate for these checks takes for each value of a payload, for each object in addition, and for each byte.';

comment on function postrider_internal.prepare_deliveries(postrider.replay,uuid,integer,integer) is 'Makes the deliveries of one stretch of a replay pending, up to a limit, and returns where the cursor moves. is_held_up: a delivery is locked and must be looked at again.';

comment on function postrider_internal.prepare_replay(uuid) is 'Takes one step of a replay: makes the next few of its deliveries pending and moves its cursor, or finishes it. outcome is its state; cancelling while one of its deliveries is still in flight; busy if nothing can be done now.';

comment on function postrider_internal.present_allowance(uuid,integer) is 'How many requests an endpoint''s limits allow now, share at most; if they allow no more, when to look again once so many are leased. Locks nothing.';

comment on function postrider_internal.present_place() is 'Which database of which cluster this is. The cluster is null if postrider.sending is not guarded.';

comment on function postrider_internal.present_portal_token() is 'The token of the portal that this transaction shows, by the setting postrider.portal_token: its SHA-256 in hex. No row if there is none, or it has expired.';

comment on function postrider_internal.present_server() is 'The database, its cluster, and its timeline, which is another one after a failover or a recovery to a point in time.';

comment on function postrider_internal.probe_due(uuid) is 'When the next probe of an endpoint whose circuit is open may be leased, unless the present one succeeds; null if the circuit is closed.';

comment on function postrider_internal.properties_problem(jsonb,jsonb,text,integer) is 'What payload_problem says of the first property of an object that does not fit.';

comment on function postrider_internal.pull_cursor(bytea,uuid,bigint) is 'The cursor behind a place: the place, and a hash that only the endpoint''s key makes. A receiver can pass it on, and not invent one.';

comment on function postrider_internal.pull_page(uuid,bigint,integer,integer,integer) is 'The events in the places of a pull endpoint behind that one: those that wait or were given before, up to so many and so many bytes of payloads, but one at least. is_large: whether that one has more than bytes_max; too_large: the next one, if it has more than item_bytes_max, and then there are no others. next_place: up to where they reach; seen: at how many places it has looked, events_max if more may follow.';

comment on function postrider_internal.put_in_order(uuid) is 'Gives due deliveries of an ordered endpoint their place among those of their key, if they have none and their event has a key, and returns how many. Null if there are some, and another daemon is leasing from the endpoint.';

comment on function postrider_internal.rate_burst(numeric,integer) is 'How many requests an endpoint with a rate may be sent at once: those of one second, unless it says otherwise.';

comment on function postrider_internal.reached_limit(uuid) is 'Which limit of an endpoint allows no request at this moment; null if none stands in the way.';

comment on function postrider_internal.read_cursor() is 'The newest claim, where the next one continues, and whether sending is switched on. empty_claim: the newest claim if it has no pairs, so that the next one deletes it. Raises PR014 if this database is a copy that was not adopted.';

comment on function postrider_internal.read_options(jsonb) is 'An endpoint with only these options set. Refuses an option that does not exist, and a value that does not fit.';

comment on function postrider_internal.read_template(text) is 'Reads the option payload of an endpoint. skeleton: the template with the paths still in it; places, texts, paths: where each path stands, as it is written and as it is read, from the end; lists: which ones give a list. Raises an error that says what is wrong.';

comment on function postrider_internal.readable(text) is 'The text as it can be sent to a client that speaks UTF-8: itself, or else its ASCII characters, with ? for each other one.';

comment on function postrider_internal.readable_context(text,jsonb) is 'event_context(); if it cannot be sent to a client that speaks UTF-8, the SQLSTATE that says why, as problem.';

comment on function postrider_internal.reads_session(pg_node_tree) is 'Whether the value of an expression may depend on the session: it calls what is not immutable, or what not every role may call.';

comment on function postrider_internal.rebuilt_part(uuid,timestamp with time zone) is 'The part_id under which rebuild_minutes() adds a minute of a daemon, so that it is added once.';

comment on function postrider_internal.record_attempts(uuid,integer[],uuid[],uuid[],uuid[],integer[],double precision[],integer[],smallint[],smallint[],bigint[],uuid[],text[],text[],json[],text[]) is 'Inserts the attempts that are not recorded in their deliveries. places: which results those are, from 1.';

comment on function postrider_internal.record_first_successes(uuid,integer[],uuid[],uuid[],uuid[],double precision[],integer[],smallint[],smallint[],bigint[],json[],text[]) is 'Inserts the deliveries that succeeded at their first attempt, together with it. places: which results those are, from 1.';

comment on function postrider_internal.record_handshake(uuid,bigint,boolean,integer,smallint,text) is 'Notes what a receiver said to a handshake. False if its endpoint has another URL since, needs no consent any more or was disabled, if an operator asks again, or is changing the endpoint at this moment.';

comment on function postrider_internal.record_others(uuid,boolean,bigint[],integer[],integer[],uuid[],uuid[],bigint[],integer[],uuid[],uuid[],double precision[],integer[],smallint[],smallint[],bigint[],uuid[],text[],text[],json[],text[],text[],bigint[],text[],integer[]) is 'Records the results that are not among the successes of record_first_successes. known: which deliveries exist already, from 1.';

comment on function postrider_internal.record_results(uuid,boolean,boolean,uuid[],uuid[],bigint[],integer[],uuid[],double precision[],integer[],smallint[],smallint[],bigint[],uuid[],text[],text[],json[],text[],text[],bigint[],text[],integer[],bigint[],bigint[],uuid[],uuid[]) is 'Records the results of a daemon''s attempts, many in one transaction: first attempts from memory, or leased deliveries. Deletes claims that are finished. kept_claims: finished claims that must stay for now; locked: which results, from 1, are still to be decided; discarded and discard_reasons: which results that were to be attempted again are discarded instead, and why; epoch: the one in which this was recorded; circuits: which circuits were opened or closed, and which probes failed.';

comment on function postrider_internal.recorded_files() is 'A copy of postrider.schema_migration and postrider.schema_object, for the case that someone empties them. Written by each migration.';

comment on function postrider_internal.refresh_judged_event_types() is 'Makes inserts obey the catalogue after a restore or a copy; maintain(), adopt() and grant_roles() call it. Writes nothing if all is as it should be.';

comment on function postrider_internal.refuse_captured_truncate() is 'Refuses to truncate a table whose deletes are captured.';

comment on function postrider_internal.refuse_emptying() is 'Refuses to remove the rows that Postrider cannot work without: truncate, any delete from schema_migration and sending, and a delete of the newest claim.';

comment on function postrider_internal.refuse_event(xid8,text,boolean,text,text,text,jsonb) is 'Refuses an event for the first of its columns that breaks a rule, with what was found and what to do. It shows no other value than the event type.';

comment on function postrider_internal.refuse_if_unknown(text) is 'Refuses an event type that is not in the catalogue, if unknown types are refused.';

comment on function postrider_internal.refuse_late(timestamp with time zone) is 'Refuses an event that is due later than events are kept: its day could not be dropped until then, for ever if it is infinity.';

comment on function postrider_internal.refuse_null() is 'Refuses a null in a column that must have a value, without showing the row: it may hold secrets.';

comment on function postrider_internal.refuse_null_in_event(text) is 'Refuses an event that has null in a column which Postgres fills in, without showing the row.';

comment on function postrider_internal.refuse_own_type(text) is 'Refuses an event of one of Postrider''s own types, unless a member of the role that owns the outbox inserts it.';

comment on function postrider_internal.refuse_payload(text,text,text) is 'Refuses an event for its payload.';

comment on function postrider_internal.refuse_redelivery(uuid,uuid) is 'Says why a delivery (or, without an endpoint, any of the event) cannot be made again.';

comment on function postrider_internal.refuse_schema(text,text,text) is 'Raises an error that says what is wrong with a JSON Schema, where, and what to do.';

comment on function postrider_internal.refuse_truncate() is 'Refuses to truncate what operators edit, because truncate fires no row triggers.';

comment on function postrider_internal.refuse_unknown_type(text) is 'Refuses an event for its type, and names the type that was probably meant.';

comment on function postrider_internal.replaced_files() is 'The functions and views that were replaced or dropped by hand since they were installed. None while another session migrates.';

comment on function postrider_internal.replay_end(timestamp with time zone) is 'The bound below which the ids of all events lie that were inserted before this time.';

comment on function postrider_internal.replay_stretch(postrider.replay,uuid,integer,integer,boolean) is 'Looks at the next events of a replay''s range, up to a limit: which of them it sends. The last row, end, is where the cursor moves. by_millisecond: all events of a millisecond are in one stretch.';

comment on function postrider_internal.require_adoptable() is 'Refuses to adopt the database if that would lose or repeat events, with the reason. Returns its cursor otherwise; is_copied: the cursor was written in another cluster.';

comment on function postrider_internal.require_enabled_endpoint(uuid) is 'Raises an error if there is no such endpoint, or it is disabled.';

comment on function postrider_internal.require_endpoint(uuid) is 'Raises an error if there is no such endpoint.';

comment on function postrider_internal.require_event(uuid) is 'Raises an error if there is no such event.';

comment on function postrider_internal.require_home(boolean) is 'Whether sending is switched on. Raises PR014 if this database is a copy that was not adopted. may_move_in: the first daemon of all records where it works before it does anything else.';

comment on function postrider_internal.require_ingest_role(text,text) is 'Raises an error if the role that logged in may not continue an ingest that this role began.';

comment on function postrider_internal.require_objective_subject(uuid,text) is 'Raises an error unless an objective may be for this: an endpoint that there is, a tenant, or neither.';

comment on function postrider_internal.require_portal(text) is 'The tenant of the token that this transaction shows, for what a function is about to change. Raises an error without one, or if it lacks the capability. The audit shows the tenant and the subject as on_behalf_of.';

comment on function postrider_internal.require_portal_endpoint(text,uuid) is 'The same for an endpoint. One of another tenant is an endpoint that there is not.';

comment on function postrider_internal.require_portal_type(text) is 'Refuses Postrider''s own event types, which tell operators of every tenant''s endpoints.';

comment on function postrider_internal.require_sendable(uuid,uuid) is 'Raises an error if there is no such event, or it may not be sent to that endpoint (null for any), because the endpoint does not exist, is disabled, or belongs to another tenant.';

comment on function postrider_internal.restore_records() is 'Writes the rows of postrider.schema_migration and postrider.schema_object again, if one of them was emptied. For the owner.';

comment on function postrider_internal.retention_changed() is 'Notes in the audit that the retention was changed.';

comment on function postrider_internal.retention_changing() is 'Notes when and by whom the retention was changed.';

comment on function postrider_internal.retention_period() is 'How long events are kept: as postrider.retention says, or 30 days.';

comment on function postrider_internal.route_kinds(text[],text[],boolean,integer) is 'Part of route_page(), and like it: the endpoints for each kind of event.';

comment on function postrider_internal.route_page(text[],text[],boolean,integer) is 'The kind of each event of a page, a kind being a tenant and type, and the endpoints that get the events of each kind, in the order of kinds. ends: which of them is the last of each kind, from 1; lists: which ones are those of each kind, from 0 and with commas, null if there are none; endpoints, revisions: all of them with commas. is_plain: all pairs of the page are for a daemon''s memory, because nothing is filtered, paused, batched, due later, or beyond fan_out_max endpoints, from which on an event is left to the queue; otherwise rules says it of each.';

comment on function postrider_internal.row_change(text,text,json,json) is 'The payload of a captured change: the new row in full, and of the old row the columns that an update changed, or all of a deleted one.';

comment on function postrider_internal.row_table(anyelement) is 'The table of a row. Of a constant, Postgres knows it when it makes a plan, and makes a new plan when that table has changed.';

comment on function postrider_internal.rule_audit() is 'Notes an edit of a subscription or a secret in the audit, without the secret.';

comment on function postrider_internal.scalar_problem(jsonb,jsonb) is 'Why a value does not fit these checks, apart from what it contains; null if it does.';

comment on function postrider_internal.schema_predicate(jsonb,text) is 'An SQL/JSON path predicate: @ fits these checks, which are at that place of the whole. Null if that cannot be expressed.';

comment on function postrider_internal.seal_secret(uuid,xid,text) is 'Puts the sealed form of a secret in its place, if its row is still the version that was read (its xmin). False if it is not, or an operator is changing the endpoint at this moment.';

comment on function postrider_internal.sending_changed() is 'Notes in the audit that sending was switched, or that the guard or the home was changed, and tells the daemons.';

comment on function postrider_internal.sending_changing() is 'Notes when and by whom sending was switched, and forgets the home if the guard is changed.';

comment on function postrider_internal.set_endpoint_state(uuid,text,text,text) is 'Changes the state of an endpoint, and notes who did it. An active endpoint that is made active has its circuit closed. Otherwise, if it has that state already, a notice says that nothing changed, unless another reason is given.';

comment on function postrider_internal.set_judged_event_types() is 'Rewrites the function that tells an insert which definitions to look at, if it differs from the catalogue.';

comment on function postrider_internal.set_unknown_types(text,text,text) is 'Sets whether events of unknown types are refused, and notes it in the audit as this action.';

comment on function postrider_internal.shown_pointer(text) is 'A JSON pointer as it is shown: quoted, and of bounded length.';

comment on function postrider_internal.shown_time(timestamp with time zone) is 'A time to the second, in the session''s time zone.';

comment on function postrider_internal.shown_value(jsonb) is 'The type and length of a value of a payload, without the value.';

comment on function postrider_internal.signing_note(uuid,text,text) is 'Where the receiver''s part of what an endpoint will be signed with is found, if a change of signing makes it.';

comment on function postrider_internal.skip_unreadable(uuid,uuid,bigint,bigint,text) is 'Discards the delivery behind a place of a pull endpoint, because Postgres cannot give a value of its event, and returns its place. If it can, nothing is discarded, and that place is returned.';

comment on function postrider_internal.small_payload(json,integer) is 'A payload; null if it is larger than that many bytes, and must be loaded when its turn comes. If bytes_max is negative, no payload is read.';

comment on function postrider_internal.sort_pairs(uuid[],integer[],timestamp with time zone[],postrider_internal.claim_rule[],postrider_internal.claim_pair[],integer) is 'The pairs of events and endpoints, sorted into those that the daemon gets, up to pairs_max of them (those of one event at least), and the others, which become deliveries. event_count: how many events those are; endpoints, revisions: those of the rules by which the daemon gets some of them, with commas; lists: for each event, which of those, from 0.';

comment on function postrider_internal.store_claim(pg_snapshot,pg_snapshot,xid8,bigint,xid8[],bigint[],uuid[],uuid[],postrider_internal.claim_pair[],uuid,bigint) is 'Moves the cursor, by a claim of the pairs that the daemon gets; writes the others as deliveries, and says how many of those are pending.';

comment on function postrider_internal.store_lines(text,uuid,bigint,text,text,jsonpath,text,integer,text,bigint,bigint,text,bigint,bigint,bigint,jsonb) is 'Inserts one batch of lines as events and moves the position past them. outcome: stored; repeated, if it was stored before; displaced, if another run continues the ingest, in which case nothing was done. known_files: null leaves them as they are. refused: numbers of lines within the batch, from 1.';

comment on function postrider_internal.subscription_changing() is 'Fills in the tenant, and refuses an endpoint that does not exist and a filter that is not a predicate or can never match.';

comment on function postrider_internal.sum_places(bigint[],integer) is 'The sum of the first counts of a histogram of delays, which has up to 16.';

comment on function postrider_internal.take_allowance(uuid,integer) is 'Takes what find_allowance has allowed: so many requests of the endpoint''s rate. Called by whatever leases for an endpoint with limits.';

comment on function postrider_internal.take_asides(postrider_internal.claim_page,integer,integer,integer) is 'Adds to a page the next events of the transactions that are aside, up to events_max of them, a few transactions in turn. turn: 1 if the page begins with an event of the window.';

comment on function postrider_internal.take_credential(uuid,text,jsonb,jsonb) is 'Moves the credential that was written to a column of postrider.endpoint to postrider.endpoint_secret, and returns what stays in the column.';

comment on function postrider_internal.take_handshakes(integer) is 'The endpoints whose receivers are to be asked for their consent now, for one daemon. asking: what record_handshake() knows this request by.';

comment on function postrider_internal.take_mixed(pg_snapshot,pg_snapshot,xid8,bigint,xid8[],bigint[],integer,integer,integer,integer) is 'The next events of the window and of what is aside, up to events_max of them, aside_max of the latter. Puts a transaction aside that has more events than the window''s part of the page, and continues behind it. turn: 0 or 1, alternating; the larger half of a page and its first event are the window''s if it is 1.';

comment on function postrider_internal.take_out_of_order(uuid) is 'Takes deliveries of an endpoint that is no longer ordered out of the order of their keys, up to a limit, and returns how many. From then on they are sent as they come due.';

comment on function postrider_internal.take_over_claim(uuid,bigint[],integer) is 'Takes over one claim of a daemon that is gone, or adopts one of the caller''s own that it does not know of; no rows if there is none.';

comment on function postrider_internal.take_window(pg_snapshot,pg_snapshot,xid8,bigint,integer,integer) is 'The next events after the cursor, up to events_max of them. A window begins where the cursor has no target.';

comment on function postrider_internal.tally(text[]) is 'How often each of these occurs; null if there are none.';

comment on function postrider_internal.transform_deliveries(uuid,uuid[],uuid[],integer,boolean) is 'What these deliveries, which the daemon has leased, send: the payload, up to so many bytes; payload_bytes: its size, null if it is that of the event, untransformed; headers: those that have paths. problem: why the transformation cannot be applied; the delivery is sent whole, or is_discarded. is_given_up: nothing is made, because that has taken too long several times.';

comment on function postrider_internal.transform_event(postrider_internal.transformation_plan,json,jsonb) is 'The payload and the headers that a transformation makes of an event: transformed is null if the payload stays as it is. Otherwise the problem: why it cannot be applied.';

comment on function postrider_internal.transform_headers(postrider_internal.transformation_plan,jsonb,jsonb) is 'The headers that have paths, with what these find; those that find nothing are left out. problem: which header cannot be sent, and why.';

comment on function postrider_internal.transforms(text,jsonb) is 'Whether an endpoint with this payload and these headers has a path anywhere.';

comment on function postrider_internal.trigger_arguments(bytea) is 'The arguments of a trigger, from pg_trigger.tgargs, followed by one empty text.';

comment on function postrider_internal.type_predicate(jsonb) is 'An SQL/JSON path predicate: @ is of one of these types of JSON Schema.';

comment on function postrider_internal.unfit_payload(json,integer) is 'Why a payload is not transformed, which can be seen before it is read; null if it can be tried.';

comment on function postrider_internal.uri_decoded(text) is 'A part of a URI without its percent-encoding; null if that is not valid.';

comment on function postrider_internal.url_without_secrets(text) is 'A URL without user, password, query and fragment: what may be shown to those who are shown no secrets.';

comment on function postrider_internal.use_api_key(bytea) is 'Whose request it is, and what it may do, by the SHA-256 of a key or of a session''s token. No row if there is none, or it has expired.';

comment on function postrider_internal.wake_daemons() is 'Notifies the daemons if they sleep. Does nothing if the setting postrider.wake is off, as two-phase commit needs.';

comment on function postrider_internal.wal_position() is 'Where the WAL ends by now. Null from a server that does not say: Aurora refuses, unless wal_level is logical.';

comment on function postrider_internal.walk_deliveries(text[],text,integer,text,text,text,timestamp with time zone,timestamp with time zone,uuid,integer) is 'The events that have a delivery in one of these states, to this endpoint (its name or id), with at least so many attempts. Looks at 250 deliveries at most where an index leads to them, and else at the newest looked_max. If there may be more, one further row is the event at which the walk ended.';

comment on function postrider_internal.warn_of_other_event(text,text,text,json) is 'Warns if the first event with an idempotency key is of another type, or its payload means something else, than the one that is left out.';

comment on function postrider_internal.whole_milliseconds(uuid,integer) is 'How many events to look at after that one, so that all of the last one''s millisecond are among them: events_max or more.';

comment on function postrider_internal.window_events(xid8,bigint,pg_snapshot,integer,integer) is 'The events behind that one that are visible in target, in the order of (xid, seq).';

comment on function postrider_internal.withdraw_replayed(uuid,integer) is 'Ends pending deliveries of a replay, up to a limit: those that had a state before get it back, the others are discarded. Returns how many were restored. Attempts in progress are left alone.';

comment on function postrider_internal.without_credential(jsonb) is 'What stays in the auth or client_certificate of an endpoint of what was given: without what is secret, and without the query of a URL.';

comment on function postrider_internal.without_erased(uuid[],uuid[],text[],json[],text[]) is 'The same answers, without those of events that were erased and of batches with such events.';

comment on function postrider_internal.write_capture_functions(regclass,text,text,text,text,text,text[],text[],text,text,text,text) is 'Writes the two functions of a capture, for the table''s owner, when it is known for which operations Postgres judges the condition.';

comment on function postrider_internal.write_judged_event_types() is 'Makes inserts obey an edit of the catalogue.';

comment on trigger circuit_closed on postrider.endpoint is 'Wakes the daemons for what waited.';

comment on trigger claim_delete on postrider.claim is 'Refuses to delete the last row.';

comment on trigger claim_truncate on postrider.claim is 'Refuses truncate.';

comment on trigger end_all_replays on postrider.endpoint is 'Cancels the replays of an endpoint that is deleted.';

comment on trigger end_replays on postrider.endpoint is 'Cancels the replays of an endpoint that is disabled.';

comment on trigger endpoint_audit on postrider.endpoint is 'Notes the edit in the audit.';

comment on trigger endpoint_audit_delete on postrider.endpoint is 'Notes in the audit what was deleted, its subscriptions included.';

comment on trigger endpoint_authorization on postrider.endpoint is 'Refuses two values for the header that says who sends, and a client certificate that is never shown.';

comment on trigger endpoint_batching on postrider.endpoint is 'Refuses batches in a format that has none, and to an endpoint that is ordered.';

comment on trigger endpoint_changing on postrider.endpoint is 'Keeps revision, updated_at and state_changed_at.';

comment on trigger endpoint_credentials on postrider.endpoint is 'Moves credentials to where they are kept.';

comment on trigger endpoint_credentials_given on postrider.endpoint is 'Moves the credentials of a new endpoint to where they are kept.';

comment on trigger endpoint_deleted on postrider.endpoint is 'Discards what waits for the endpoint.';

comment on trigger endpoint_disabled on postrider.endpoint is 'Acts on a change of state.';

comment on trigger endpoint_handshake_changed on postrider.endpoint is 'Asks for a consent if one is wanted now, or the URL has changed, or the endpoint is enabled again; no more if it is disabled.';

comment on trigger endpoint_handshake_changing on postrider.endpoint is 'Keeps handshake_state and receiver_rate.';

comment on trigger endpoint_handshake_set on postrider.endpoint is 'Asks for a consent.';

comment on trigger endpoint_inlining on postrider.endpoint is 'Refuses an inline_limit that nothing could be fetched with, and with what changes the payload.';

comment on trigger endpoint_kind_changing on postrider.endpoint is 'Refuses another kind.';

comment on trigger endpoint_limited on postrider.endpoint is 'Prepares the limits of a new endpoint.';

comment on trigger endpoint_limiting on postrider.endpoint is 'Prepares the limits of an endpoint that had none, or another rate.';

comment on trigger endpoint_nulls on postrider.endpoint is 'Refuses nulls without showing the row.';

comment on trigger endpoint_pulling on postrider.endpoint is 'Refuses what a pull endpoint cannot have, and any other without a URL.';

comment on trigger endpoint_retry_policy on postrider.endpoint is 'Refuses a status that retry_on and give_up_on both name.';

comment on trigger endpoint_secret_audit on postrider.endpoint_secret is 'Notes the edit in the audit, without the secret.';

comment on trigger endpoint_secret_changed on postrider.endpoint_secret is 'Increments the endpoint''s revision.';

comment on trigger endpoint_secret_changing on postrider.endpoint_secret is 'Judges the secrets of an endpoint, and locks it.';

comment on trigger endpoint_secret_nulls on postrider.endpoint_secret is 'Refuses nulls without showing the row.';

comment on trigger endpoint_secret_truncate on postrider.endpoint_secret is 'Refuses truncate, which the audit would not see.';

comment on trigger endpoint_signing_changed on postrider.endpoint is 'Makes an HMAC secret, or asks for an ed25519 key, if signing now wants one.';

comment on trigger endpoint_signing_set on postrider.endpoint is 'Asks for an ed25519 key.';

comment on trigger endpoint_truncate on postrider.endpoint is 'Refuses truncate, which the audit would not see.';

comment on trigger event_type_audit on postrider.event_type is 'Notes the edit in the audit.';

comment on trigger event_type_changing on postrider.event_type is 'Reads the schema, and refuses what could not be enforced.';

comment on trigger event_type_judged on postrider.event_type is 'Tells inserts which definitions to look at.';

comment on trigger event_type_lock on postrider.event_type is 'Lets one transaction at a time edit the catalogue.';

comment on trigger event_type_policy_audit on postrider.event_type_policy is 'Notes the edit in the audit.';

comment on trigger event_type_policy_judged on postrider.event_type_policy is 'Tells inserts whether to look at each type.';

comment on trigger event_type_truncate on postrider.event_type is 'Refuses truncate, which the audit would not see.';

comment on trigger note_replay_failure on postrider.delivery is 'Fires only for replayed deliveries that did not succeed.';

comment on trigger objective_audit on postrider.objective is 'Notes the edit in the audit.';

comment on trigger outbox_inserting on postrider.outbox is 'Judges each event, leaves it out if its idempotency key is known, and wakes the daemons if they sleep.';

comment on trigger outbox_updating on postrider.outbox is 'Refuses nulls without showing the row.';

comment on trigger retention_changed on postrider.retention is 'Notes the change in the audit.';

comment on trigger retention_changing on postrider.retention is 'Keeps changed_at and changed_by.';

comment on trigger schema_migration_deleting on postrider.schema_migration is 'Refuses to delete a row.';

comment on trigger schema_migration_truncate on postrider.schema_migration is 'Refuses truncate.';

comment on trigger schema_object_truncate on postrider.schema_object is 'Refuses truncate. Single rows may be deleted, to have a file installed again.';

comment on trigger sending_changed on postrider.sending is 'Notes the change in the audit, and tells the daemons.';

comment on trigger sending_changing on postrider.sending is 'Keeps changed_at and changed_by, and forgets the home if the guard is changed.';

comment on trigger sending_deleting on postrider.sending is 'Refuses to delete the row.';

comment on trigger sending_replaced on postrider.sending is 'Notes in the audit that the row was deleted or inserted, and tells the daemons.';

comment on trigger sending_truncate on postrider.sending is 'Refuses truncate.';

comment on trigger subscription_audit on postrider.subscription is 'Notes the edit in the audit.';

comment on trigger subscription_changing on postrider.subscription is 'Fills in the tenant. Refuses an endpoint that does not exist, and a filter that is not a predicate or can never match.';

comment on trigger subscription_truncate on postrider.subscription is 'Refuses truncate, which the audit would not see.';

-- Grants to others than the owner

grant usage on schema postrider to postrider_daemon;

grant usage on schema postrider to postrider_operator;

grant usage on schema postrider to postrider_portal;

grant usage on schema postrider to postrider_publisher;

grant usage on schema postrider to postrider_reader;

grant usage on schema postrider_internal to postrider_daemon;

grant usage on schema postrider_internal to postrider_operator;

grant usage on schema postrider_internal to postrider_portal;

grant usage on schema postrider_internal to postrider_publisher;

grant usage on schema postrider_internal to postrider_reader;

grant select (created_at, created_by, expires_at, id, last_used_at, name, scopes) on table postrider.api_key to postrider_operator;

grant select (created_at, created_by, expires_at, id, last_used_at, name, scopes) on table postrider.api_key to postrider_reader;

grant select (created_at, id, status) on table postrider.api_request to postrider_operator;

grant select (created_at, id, status) on table postrider.api_request to postrider_reader;

grant select (api_key_id, created_at, expires_at, id) on table postrider.api_session to postrider_operator;

grant select (api_key_id, created_at, expires_at, id) on table postrider.api_session to postrider_reader;

grant select (attempt_number, batch_id, daemon_id, duration_ms, endpoint_id, endpoint_revision, error, event_id, failure_kind, http_status, id, requests, started_at) on table postrider.attempt to postrider_reader;

grant select on table postrider.attempt to postrider_operator;

grant select on table postrider.audit to postrider_daemon;

grant select on table postrider.audit to postrider_operator;

grant select on table postrider.audit to postrider_reader;

grant select on table postrider.backlog to postrider_daemon;

grant select on table postrider.backlog to postrider_operator;

grant select on table postrider.backlog to postrider_reader;

grant select on table postrider.cancellation to postrider_daemon;

grant select on table postrider.cancellation to postrider_operator;

grant select on table postrider.cancellation to postrider_reader;

grant select on table postrider.capture_status to postrider_operator;

grant select on table postrider.capture_status to postrider_publisher;

grant select on table postrider.capture_status to postrider_reader;

grant select on table postrider.claim to postrider_operator;

grant select on table postrider.claim to postrider_reader;

grant select on table postrider.daemon to postrider_operator;

grant select on table postrider.daemon to postrider_reader;

grant select on table postrider.daemon_hour_part to postrider_operator;

grant select on table postrider.daemon_hour_part to postrider_reader;

grant select on table postrider.daemon_minute to postrider_operator;

grant select on table postrider.daemon_minute to postrider_reader;

grant select on table postrider.daemon_status to postrider_daemon;

grant select on table postrider.daemon_status to postrider_operator;

grant select on table postrider.daemon_status to postrider_reader;

grant select (attempts, attempts_before, batch_id, created_at, endpoint_id, event_id, finished_at, first_attempt_id, first_daemon_id, first_duration_ms, first_endpoint_revision, first_http_status, first_requests, first_started_at, halts, is_asked, is_counted, lease_expires_at, leased_by, next_attempt_at, ordering_key, ordering_seq, pull_place, reason, replay_id, state, state_before) on table postrider.delivery to postrider_reader;

grant select on table postrider.delivery to postrider_operator;

grant select on table postrider.delivery_status to postrider_operator;

grant select on table postrider.delivery_status to postrider_reader;

grant delete, insert (auth, batch_delay_ms, batch_size, client_certificate, description, disable_after, encryption_key, format, give_up_on, handshake, headers, inline_limit, kind, max_in_flight, name, ordered, payload, payload_fallback, rate_burst, rate_limit, retry_on, retry_schedule, signing, state, state_reason, tenant, timeout_ms, url, when_exhausted), select, update (auth, batch_delay_ms, batch_size, client_certificate, description, disable_after, encryption_key, format, give_up_on, handshake, headers, inline_limit, kind, max_in_flight, name, ordered, payload, payload_fallback, rate_burst, rate_limit, retry_on, retry_schedule, signing, state, state_reason, tenant, timeout_ms, url, when_exhausted) on table postrider.endpoint to postrider_operator;

grant select (batch_delay_ms, batch_size, circuit_opened_at, created_at, description, disable_after, effective_rate, encryption_key, format, give_up_on, handshake, handshake_state, has_transformed, id, inline_limit, is_limited, kind, max_in_flight, name, ordered, pause_reason, paused_at, payload, payload_fallback, rate_burst, rate_limit, receiver_rate, retry_on, retry_schedule, revision, shown_url, signing, state, state_changed_at, state_reason, tenant, timeout_ms, transforms, updated_at, when_exhausted) on table postrider.endpoint to postrider_reader;

grant select on table postrider.endpoint to postrider_daemon;

grant select on table postrider.endpoint_failure to postrider_daemon;

grant select on table postrider.endpoint_failure to postrider_operator;

grant select on table postrider.endpoint_failure to postrider_reader;

grant select on table postrider.endpoint_five_minutes_part to postrider_operator;

grant select on table postrider.endpoint_five_minutes_part to postrider_reader;

grant select on table postrider.endpoint_handshake to postrider_operator;

grant select on table postrider.endpoint_handshake to postrider_reader;

grant select on table postrider.endpoint_health to postrider_daemon;

grant select on table postrider.endpoint_health to postrider_operator;

grant select on table postrider.endpoint_health to postrider_reader;

grant select on table postrider.endpoint_hour to postrider_daemon;

grant select on table postrider.endpoint_hour to postrider_operator;

grant select on table postrider.endpoint_hour to postrider_reader;

grant select on table postrider.endpoint_hour_part to postrider_operator;

grant select on table postrider.endpoint_hour_part to postrider_reader;

grant select on table postrider.endpoint_minute to postrider_daemon;

grant select on table postrider.endpoint_minute to postrider_operator;

grant select on table postrider.endpoint_minute to postrider_reader;

grant select on table postrider.endpoint_minute_part to postrider_operator;

grant select on table postrider.endpoint_minute_part to postrider_reader;

grant select on table postrider.endpoint_pace to postrider_operator;

grant select on table postrider.endpoint_pace to postrider_reader;

grant select (created_at, endpoint_id, expires_at, id, kind, public_key) on table postrider.endpoint_secret to postrider_operator;

grant select (created_at, endpoint_id, expires_at, id, kind, public_key) on table postrider.endpoint_secret to postrider_reader;

grant select on table postrider.endpoint_secret to postrider_daemon;

grant select on table postrider.erasure to postrider_operator;

grant select on table postrider.erasure to postrider_reader;

grant delete, insert (deprecated, description, enforce, json_schema, name), select, update (deprecated, description, enforce, json_schema, name) on table postrider.event_type to postrider_operator;

grant select on table postrider.event_type to postrider_reader;

grant select on table postrider.event_type_policy to postrider_reader;

grant select, update (unknown_types) on table postrider.event_type_policy to postrider_operator;

grant select on table postrider.halted_key to postrider_operator;

grant select on table postrider.halted_key to postrider_reader;

grant select on table postrider.hour_cursor to postrider_operator;

grant select on table postrider.hour_cursor to postrider_reader;

grant select on table postrider.idempotency_key to postrider_operator;

grant select on table postrider.idempotency_key to postrider_reader;

grant select on table postrider.in_flight to postrider_daemon;

grant select on table postrider.in_flight to postrider_operator;

grant select on table postrider.in_flight to postrider_reader;

grant select on table postrider.ingest to postrider_operator;

grant select on table postrider.ingest to postrider_reader;

grant select on table postrider.ingest_position to postrider_operator;

grant select on table postrider.ingest_position to postrider_publisher;

grant select on table postrider.ingest_position to postrider_reader;

grant delete, insert (endpoint_id, target, tenant, within), select, update (endpoint_id, target, tenant, within) on table postrider.objective to postrider_operator;

grant select on table postrider.objective to postrider_reader;

grant select on table postrider.ordered_walk to postrider_operator;

grant select on table postrider.ordered_walk to postrider_reader;

grant select (attempt_number, batch_id, daemon_id, duration_ms, endpoint_id, endpoint_revision, error, event_id, failure_kind, http_status, id, requests, started_at) on table postrider.other_attempt to postrider_reader;

grant select on table postrider.other_attempt to postrider_operator;

grant insert (attributes, deliver_at, event_type, idempotency_key, ordering_key, payload, tenant), select (id) on table postrider.outbox to postrider_publisher;

grant select (created_at, deliver_at, erased_at, event_type, id, idempotency_key, ordering_key, seq, tenant, test_endpoint_id, xid) on table postrider.outbox to postrider_reader;

grant select on table postrider.outbox to postrider_daemon;

grant select on table postrider.outbox to postrider_operator;

grant select on table postrider.portal_answer to postrider_portal;

grant select on table postrider.portal_attempt to postrider_portal;

grant select on table postrider.portal_endpoint to postrider_portal;

grant select on table postrider.portal_event to postrider_portal;

grant select on table postrider.portal_event_type to postrider_portal;

grant select on table postrider.portal_five_minutes to postrider_portal;

grant select on table postrider.portal_hour to postrider_portal;

grant select on table postrider.portal_minute to postrider_portal;

grant select on table postrider.portal_payload to postrider_portal;

grant select on table postrider.portal_replay to postrider_portal;

grant select on table postrider.portal_secret to postrider_portal;

grant select on table postrider.portal_subscription to postrider_portal;

grant select (capabilities, created_at, created_by, expires_at, id, subject, tenant) on table postrider.portal_token to postrider_operator;

grant select (capabilities, created_at, created_by, expires_at, id, subject, tenant) on table postrider.portal_token to postrider_reader;

grant select (acknowledged_at, acknowledged_place, endpoint_id, given_at, gone_place, last_place, server) on table postrider.pull_position to postrider_operator;

grant select (acknowledged_at, acknowledged_place, endpoint_id, given_at, gone_place, last_place, server) on table postrider.pull_position to postrider_reader;

grant select on table postrider.pull_status to postrider_operator;

grant select on table postrider.pull_status to postrider_reader;

grant select (created_at, endpoint_id, expires_at, id) on table postrider.pull_token to postrider_operator;

grant select (created_at, endpoint_id, expires_at, id) on table postrider.pull_token to postrider_reader;

grant select on table postrider.pull_token to postrider_daemon;

grant select on table postrider.replay to postrider_daemon;

grant select on table postrider.replay to postrider_operator;

grant select on table postrider.replay to postrider_reader;

grant select on table postrider.replay_failure to postrider_operator;

grant select on table postrider.replay_failure to postrider_reader;

grant select on table postrider.replay_status to postrider_operator;

grant select on table postrider.replay_status to postrider_reader;

grant select on table postrider.retention to postrider_daemon;

grant select on table postrider.retention to postrider_reader;

grant select, update (hours_period, period) on table postrider.retention to postrider_operator;

grant select on table postrider.schema_migration to postrider_daemon;

grant select on table postrider.schema_migration to postrider_operator;

grant select on table postrider.schema_migration to postrider_reader;

grant select on table postrider.schema_object to postrider_daemon;

grant select on table postrider.schema_object to postrider_operator;

grant select on table postrider.schema_object to postrider_reader;

grant select on table postrider.sending to postrider_daemon;

grant select on table postrider.sending to postrider_reader;

grant select, update (is_on, reason) on table postrider.sending to postrider_operator;

grant select on table postrider.server_epoch to postrider_operator;

grant select on table postrider.server_epoch to postrider_reader;

grant delete, insert (endpoint_id, event_type, filter), select, update (endpoint_id, event_type, filter) on table postrider.subscription to postrider_operator;

grant select on table postrider.subscription to postrider_daemon;

grant select on table postrider.subscription to postrider_reader;

grant select (created_at, endpoint_id, endpoint_revision, event_id, problem) on table postrider.transformation to postrider_reader;

grant select on table postrider.transformation to postrider_daemon;

grant select on table postrider.transformation to postrider_operator;

grant select on table postrider.undelivered to postrider_daemon;

grant select on table postrider.undelivered to postrider_operator;

grant select on table postrider.undelivered to postrider_reader;

grant select on table postrider.unmatched_hour to postrider_operator;

grant select on table postrider.unmatched_hour to postrider_reader;

grant select on table postrider.unmatched_minute to postrider_daemon;

grant select on table postrider.unmatched_minute to postrider_operator;

grant select on table postrider.unmatched_minute to postrider_reader;

grant select on table postrider.unmatched_minute_part to postrider_operator;

grant select on table postrider.unmatched_minute_part to postrider_reader;

grant execute on function postrider.adopt(boolean) to postrider_operator;

grant execute on function postrider.allow_unknown_event_types(text) to postrider_operator;

grant execute on function postrider.cancel(uuid,uuid,text) to postrider_operator;

grant execute on function postrider.cancel_replay(uuid,text) to postrider_operator;

grant execute on function postrider.capture(regclass,text,text[],text,text,text,text) to postrider_publisher;

grant execute on function postrider.chart(timestamp with time zone,interval,uuid,text) to postrider_operator;

grant execute on function postrider.chart(timestamp with time zone,interval,uuid,text) to postrider_reader;

grant execute on function postrider.copy_problem() to postrider_daemon;

grant execute on function postrider.copy_problem() to postrider_operator;

grant execute on function postrider.copy_problem() to postrider_reader;

grant execute on function postrider.count_unmatched(timestamp with time zone) to postrider_operator;

grant execute on function postrider.count_unmatched(timestamp with time zone) to postrider_reader;

grant execute on function postrider.create_api_key(text,text[],timestamp with time zone) to postrider_operator;

grant execute on function postrider.create_api_link(uuid,interval) to postrider_operator;

grant execute on function postrider.create_endpoint(text,text[],text,jsonb) to postrider_operator;

grant execute on function postrider.create_portal_token(text,text[],interval,text) to postrider_operator;

grant execute on function postrider.create_pull_token(uuid,interval) to postrider_operator;

grant execute on function postrider.define_event_type(text,text,jsonb,boolean,boolean) to postrider_operator;

grant execute on function postrider.delay_ms_bounds() to postrider_daemon;

grant execute on function postrider.delay_ms_bounds() to postrider_operator;

grant execute on function postrider.delay_ms_bounds() to postrider_reader;

grant execute on function postrider.delete_endpoint(uuid,text,boolean) to postrider_operator;

grant execute on function postrider.disable_endpoint(uuid,text) to postrider_operator;

grant execute on function postrider.drop_event_type(text,text) to postrider_operator;

grant execute on function postrider.drop_objective(uuid,text,text) to postrider_operator;

grant execute on function postrider.enable_endpoint(uuid) to postrider_operator;

grant execute on function postrider.endpoint_id(text,text) to postrider_operator;

grant execute on function postrider.endpoint_id(text,text) to postrider_reader;

grant execute on function postrider.erase_event(uuid,text) to postrider_operator;

grant execute on function postrider.erase_tenant(text,text) to postrider_operator;

grant execute on function postrider.explain_event(uuid) to postrider_operator;

grant execute on function postrider.forget_ingest(text) to postrider_operator;

grant execute on function postrider.judge_objective(uuid,text) to postrider_operator;

grant execute on function postrider.judge_objective(uuid,text) to postrider_reader;

grant execute on function postrider.maintain(timestamp with time zone) to postrider_daemon;

grant execute on function postrider.maintain(timestamp with time zone) to postrider_operator;

grant execute on function postrider.pause_endpoint(uuid,text) to postrider_operator;

grant execute on function postrider.percentile(bigint[],integer[],double precision,boolean) to postrider_daemon;

grant execute on function postrider.percentile(bigint[],integer[],double precision,boolean) to postrider_operator;

grant execute on function postrider.percentile(bigint[],integer[],double precision,boolean) to postrider_portal;

grant execute on function postrider.percentile(bigint[],integer[],double precision,boolean) to postrider_reader;

grant execute on function postrider.prepare_restore(boolean) to postrider_operator;

grant execute on function postrider.preview_transformation(uuid,uuid) to postrider_operator;

grant execute on function postrider.publish(text,json,text,text,timestamp with time zone,text,jsonb) to postrider_publisher;

grant execute on function postrider.publish_events(json) to postrider_publisher;

grant execute on function postrider.rebuild_minutes(timestamp with time zone) to postrider_operator;

grant execute on function postrider.redeliver(uuid,uuid) to postrider_operator;

grant execute on function postrider.refuse_unknown_event_types(text) to postrider_operator;

grant execute on function postrider.replay(uuid,timestamp with time zone,timestamp with time zone,text,text[],boolean) to postrider_operator;

grant execute on function postrider.request_handshake(uuid) to postrider_operator;

grant execute on function postrider.request_ms_bounds() to postrider_daemon;

grant execute on function postrider.request_ms_bounds() to postrider_operator;

grant execute on function postrider.request_ms_bounds() to postrider_portal;

grant execute on function postrider.request_ms_bounds() to postrider_reader;

grant execute on function postrider.reschedule(uuid,timestamp with time zone) to postrider_operator;

grant execute on function postrider.resume_endpoint(uuid) to postrider_operator;

grant execute on function postrider.revoke_api_key(uuid,text) to postrider_operator;

grant execute on function postrider.revoke_portal_tokens(text,text,text) to postrider_operator;

grant execute on function postrider.revoke_pull_token(uuid,text) to postrider_operator;

grant execute on function postrider.rotate_secret(uuid,interval) to postrider_operator;

grant execute on function postrider.send_test_event(uuid,text,json) to postrider_operator;

grant execute on function postrider.set_objective(numeric,interval,uuid,text,text) to postrider_operator;

grant execute on function postrider.skip(uuid,uuid,text) to postrider_operator;

grant execute on function postrider.subscribe(uuid,text,text) to postrider_operator;

grant execute on function postrider.uncapture(regclass,text) to postrider_publisher;

grant execute on function postrider.unsubscribe(uuid,text) to postrider_operator;

grant execute on function postrider.uuid_v7() to postrider_operator;

grant execute on function postrider.uuid_v7() to postrider_publisher;

grant execute on function postrider.uuid_v7_floor(timestamp with time zone) to postrider_daemon;

grant execute on function postrider.uuid_v7_floor(timestamp with time zone) to postrider_operator;

grant execute on function postrider.uuid_v7_floor(timestamp with time zone) to postrider_reader;

grant execute on function postrider.uuid_v7_time(uuid) to postrider_daemon;

grant execute on function postrider.uuid_v7_time(uuid) to postrider_operator;

grant execute on function postrider.uuid_v7_time(uuid) to postrider_reader;

grant execute on function postrider_internal.append_minutes(uuid,uuid,double precision,json,json) to postrider_daemon;

grant execute on function postrider_internal.apply_file(jsonb) to postrider_operator;

grant execute on function postrider_internal.are_columns(anyelement,text[]) to postrider_publisher;

grant execute on function postrider_internal.are_headers(jsonb) to postrider_operator;

grant execute on function postrider_internal.are_retry_waits(interval[]) to postrider_operator;

grant execute on function postrider_internal.are_statuses(text[]) to postrider_operator;

grant execute on function postrider_internal.auth_members() to postrider_operator;

grant execute on function postrider_internal.base64url_bytes(jsonb) to postrider_operator;

grant execute on function postrider_internal.beat(uuid,text,integer,text,integer,integer,integer,text,integer,text,boolean,text[],text) to postrider_daemon;

grant execute on function postrider_internal.begin_api_request(bytea,bytea) to postrider_operator;

grant execute on function postrider_internal.burn_rate(numeric,numeric,bigint,numeric) to postrider_operator;

grant execute on function postrider_internal.burn_rate(numeric,numeric,bigint,numeric) to postrider_reader;

grant execute on function postrider_internal.capture_function(text,text,text,text[],text[],json,text) to postrider_publisher;

grant execute on function postrider_internal.capture_moves(regclass,text,text,text,text) to postrider_publisher;

grant execute on function postrider_internal.capture_settings(text,text) to postrider_publisher;

grant execute on function postrider_internal.certificate_expiry(text) to postrider_daemon;

grant execute on function postrider_internal.certificate_expiry(text) to postrider_operator;

grant execute on function postrider_internal.certificate_expiry(text) to postrider_reader;

grant execute on function postrider_internal.changed_table_statement(oid,oid,name,text[],text,json) to postrider_publisher;

grant execute on function postrider_internal.check_capture(regclass,text[]) to postrider_publisher;

grant execute on function postrider_internal.check_capture_expression(regclass,text,text,text,text) to postrider_publisher;

grant execute on function postrider_internal.claim_deliveries(uuid,uuid,integer,integer,integer,uuid[],integer[],integer,integer) to postrider_daemon;

grant execute on function postrider_internal.claim_events(uuid,integer,integer,integer,integer,integer,uuid[],uuid[]) to postrider_daemon;

grant execute on function postrider_internal.close_api_session(bytea) to postrider_operator;

grant execute on function postrider_internal.close_api_session(bytea) to postrider_reader;

grant execute on function postrider_internal.close_ingest(text,uuid) to postrider_publisher;

grant execute on function postrider_internal.compares_rows(pg_node_tree) to postrider_publisher;

grant execute on function postrider_internal.constant_headers(jsonb) to postrider_daemon;

grant execute on function postrider_internal.constant_headers(jsonb) to postrider_operator;

grant execute on function postrider_internal.count_attempts(integer) to postrider_daemon;

grant execute on function postrider_internal.count_attempts(integer) to postrider_operator;

grant execute on function postrider_internal.count_attempts(integer) to postrider_reader;

grant execute on function postrider_internal.count_counted(uuid) to postrider_operator;

grant execute on function postrider_internal.count_counted(uuid) to postrider_reader;

grant execute on function postrider_internal.count_overdue(uuid[],timestamp with time zone) to postrider_operator;

grant execute on function postrider_internal.count_overdue(uuid[],timestamp with time zone) to postrider_reader;

grant execute on function postrider_internal.count_replay_pending(uuid) to postrider_operator;

grant execute on function postrider_internal.count_replay_pending(uuid) to postrider_reader;

grant execute on function postrider_internal.count_requests(timestamp with time zone) to postrider_operator;

grant execute on function postrider_internal.count_requests(timestamp with time zone) to postrider_reader;

grant execute on function postrider_internal.count_unclaimed(integer) to postrider_daemon;

grant execute on function postrider_internal.count_unclaimed(integer) to postrider_operator;

grant execute on function postrider_internal.count_unclaimed(integer) to postrider_reader;

grant execute on function postrider_internal.count_uncounted(uuid) to postrider_operator;

grant execute on function postrider_internal.count_uncounted(uuid) to postrider_reader;

grant execute on function postrider_internal.count_undelivered(integer) to postrider_daemon;

grant execute on function postrider_internal.count_undelivered(integer) to postrider_operator;

grant execute on function postrider_internal.count_undelivered(integer) to postrider_reader;

grant execute on function postrider_internal.count_waiting(integer,timestamp with time zone,integer,integer) to postrider_daemon;

grant execute on function postrider_internal.count_waiting(integer,timestamp with time zone,integer,integer) to postrider_operator;

grant execute on function postrider_internal.count_waiting(integer,timestamp with time zone,integer,integer) to postrider_reader;

grant execute on function postrider_internal.count_waiting_for(uuid,integer) to postrider_operator;

grant execute on function postrider_internal.count_waiting_for(uuid,integer) to postrider_reader;

grant execute on function postrider_internal.create_capture_trigger(regclass,name,text,text) to postrider_publisher;

grant execute on function postrider_internal.daemons_without_key(text) to postrider_daemon;

grant execute on function postrider_internal.drop_capture(regclass,text) to postrider_publisher;

grant execute on function postrider_internal.empty_claims(uuid,bigint[]) to postrider_daemon;

grant execute on function postrider_internal.endpoint_options() to postrider_operator;

grant execute on function postrider_internal.event_context(text,jsonb) to postrider_operator;

grant execute on function postrider_internal.event_query(text,text,text,text,text,text,text,text) to postrider_publisher;

grant execute on function postrider_internal.event_time(timestamp with time zone) to postrider_operator;

grant execute on function postrider_internal.event_type_patterns(text) to postrider_daemon;

grant execute on function postrider_internal.event_type_patterns(text) to postrider_operator;

grant execute on function postrider_internal.event_type_patterns(text) to postrider_reader;

grant execute on function postrider_internal.fetch_events(uuid,uuid,text,integer,integer,integer,text,boolean) to postrider_daemon;

grant execute on function postrider_internal.file_objects(text) to postrider_daemon;

grant execute on function postrider_internal.file_objects(text) to postrider_operator;

grant execute on function postrider_internal.file_objects(text) to postrider_reader;

grant execute on function postrider_internal.fill_retention(interval) to postrider_daemon;

grant execute on function postrider_internal.find_fetchable(uuid[],text[]) to postrider_daemon;

grant execute on function postrider_internal.find_payload(uuid,uuid) to postrider_daemon;

grant execute on function postrider_internal.fingerprint(text) to postrider_daemon;

grant execute on function postrider_internal.fingerprint(text) to postrider_operator;

grant execute on function postrider_internal.fingerprint(text) to postrider_reader;

grant execute on function postrider_internal.fits_row(anyelement,text) to postrider_publisher;

grant execute on function postrider_internal.gives_list(jsonpath) to postrider_operator;

grant execute on function postrider_internal.has_no_login(text) to postrider_operator;

grant execute on function postrider_internal.has_passed(pg_snapshot,pg_snapshot,xid8,bigint,xid8[],bigint[],xid8,bigint) to postrider_operator;

grant execute on function postrider_internal.has_passed(pg_snapshot,pg_snapshot,xid8,bigint,xid8[],bigint[],xid8,bigint) to postrider_reader;

grant execute on function postrider_internal.has_signing_key(uuid) to postrider_daemon;

grant execute on function postrider_internal.has_signing_key(uuid) to postrider_operator;

grant execute on function postrider_internal.has_signing_key(uuid) to postrider_reader;

grant execute on function postrider_internal.holds_credential(jsonb) to postrider_operator;

grant execute on function postrider_internal.insert_changed_event(text,text,text,oid,oid,text,text,text,boolean) to postrider_publisher;

grant execute on function postrider_internal.is_as_captured(anyelement,oid,text[],text) to postrider_publisher;

grant execute on function postrider_internal.is_auth(jsonb) to postrider_operator;

grant execute on function postrider_internal.is_cancelled(text) to postrider_operator;

grant execute on function postrider_internal.is_client_certificate(jsonb) to postrider_operator;

grant execute on function postrider_internal.is_function(text) to postrider_publisher;

grant execute on function postrider_internal.is_path(text) to postrider_daemon;

grant execute on function postrider_internal.is_path(text) to postrider_operator;

grant execute on function postrider_internal.is_pem(text,text) to postrider_operator;

grant execute on function postrider_internal.is_public_jwk(jsonb) to postrider_operator;

grant execute on function postrider_internal.is_thin(json,integer) to postrider_operator;

grant execute on function postrider_internal.is_thin(json,integer) to postrider_reader;

grant execute on function postrider_internal.is_transformation(text) to postrider_operator;

grant execute on function postrider_internal.is_wake_off() to postrider_publisher;

grant execute on function postrider_internal.judge_event(text,json) to postrider_publisher;

grant execute on function postrider_internal.judge_filters(json,uuid[],jsonpath[]) to postrider_daemon;

grant execute on function postrider_internal.judged_event_types() to postrider_publisher;

grant execute on function postrider_internal.keep_api_request(bytea,bytea,smallint,text) to postrider_operator;

grant execute on function postrider_internal.leave(uuid) to postrider_daemon;

grant execute on function postrider_internal.look_at_deliveries(text,uuid[],uuid,uuid,integer) to postrider_operator;

grant execute on function postrider_internal.look_at_deliveries(text,uuid[],uuid,uuid,integer) to postrider_reader;

grant execute on function postrider_internal.lost_columns(oid,oid) to postrider_operator;

grant execute on function postrider_internal.lost_columns(oid,oid) to postrider_publisher;

grant execute on function postrider_internal.lost_columns(oid,oid) to postrider_reader;

grant execute on function postrider_internal.make_capture(regclass,text,text[],text,text,text,text,name[]) to postrider_publisher;

grant execute on function postrider_internal.make_key(uuid,text,text) to postrider_daemon;

grant execute on function postrider_internal.make_partitions(interval,timestamp with time zone) to postrider_daemon;

grant execute on function postrider_internal.measure_endpoints(uuid[],integer) to postrider_daemon;

grant execute on function postrider_internal.measure_figures(integer) to postrider_daemon;

grant execute on function postrider_internal.measure_waiting(uuid,uuid,integer) to postrider_daemon;

grant execute on function postrider_internal.missing_rows() to postrider_daemon;

grant execute on function postrider_internal.missing_rows() to postrider_operator;

grant execute on function postrider_internal.missing_rows() to postrider_reader;

grant execute on function postrider_internal.note_failed_capture(text,oid,json,text) to postrider_publisher;

grant execute on function postrider_internal.note_idempotency_key(text,text,uuid) to postrider_publisher;

grant execute on function postrider_internal.note_moving_row() to postrider_publisher;

grant execute on function postrider_internal.note_replay_problem(uuid,text) to postrider_daemon;

grant execute on function postrider_internal.note_signed_request(uuid,uuid) to postrider_operator;

grant execute on function postrider_internal.notify_daemons(text) to postrider_publisher;

grant execute on function postrider_internal.open_api_session(bytea) to postrider_operator;

grant execute on function postrider_internal.open_api_session(bytea) to postrider_reader;

grant execute on function postrider_internal.open_ingest(text,text,uuid,boolean,text,text) to postrider_publisher;

grant execute on function postrider_internal.parse_path(text) to postrider_operator;

grant execute on function postrider_internal.pause_unreadable(uuid[],bigint[],text[]) to postrider_daemon;

grant execute on function postrider_internal.percentiles(bigint[],integer[]) to postrider_operator;

grant execute on function postrider_internal.percentiles(bigint[],integer[]) to postrider_reader;

grant execute on function postrider_internal.portal_attempts_searched_to(timestamp with time zone,timestamp with time zone,timestamp with time zone,uuid) to postrider_portal;

grant execute on function postrider_internal.portal_cancel_replay(uuid) to postrider_portal;

grant execute on function postrider_internal.portal_change_endpoint(uuid,jsonb,bigint) to postrider_portal;

grant execute on function postrider_internal.portal_create_endpoint(text,text[],text,text,text,jsonb) to postrider_portal;

grant execute on function postrider_internal.portal_delete_endpoint(uuid,text,boolean) to postrider_portal;

grant execute on function postrider_internal.portal_deliveries(uuid,uuid,integer) to postrider_portal;

grant execute on function postrider_internal.portal_error(text,text) to postrider_portal;

grant execute on function postrider_internal.portal_events(timestamp with time zone,timestamp with time zone,text,uuid,uuid,integer) to postrider_portal;

grant execute on function postrider_internal.portal_failed_attempts(uuid,timestamp with time zone,timestamp with time zone,timestamp with time zone,uuid,integer) to postrider_portal;

grant execute on function postrider_internal.portal_pause_endpoint(uuid,text) to postrider_portal;

grant execute on function postrider_internal.portal_reason(text) to postrider_portal;

grant execute on function postrider_internal.portal_redeliver(uuid,uuid) to postrider_portal;

grant execute on function postrider_internal.portal_replay_range(uuid,timestamp with time zone,timestamp with time zone,text,text[],boolean) to postrider_portal;

grant execute on function postrider_internal.portal_resume_endpoint(uuid) to postrider_portal;

grant execute on function postrider_internal.portal_rotate_secret(uuid,interval) to postrider_portal;

grant execute on function postrider_internal.portal_searched_to(timestamp with time zone,timestamp with time zone,uuid) to postrider_portal;

grant execute on function postrider_internal.portal_send_test_event(uuid,text,json) to postrider_portal;

grant execute on function postrider_internal.portal_subscribe(uuid,text,text) to postrider_portal;

grant execute on function postrider_internal.portal_tenant(text) to postrider_portal;

grant execute on function postrider_internal.portal_undelivered(text[],uuid,timestamp with time zone,uuid,uuid,integer) to postrider_portal;

grant execute on function postrider_internal.portal_unsubscribe(uuid) to postrider_portal;

grant execute on function postrider_internal.portal_waiting(uuid,uuid,integer) to postrider_portal;

grant execute on function postrider_internal.prepare_replay(uuid) to postrider_daemon;

grant execute on function postrider_internal.present_allowance(uuid,integer) to postrider_operator;

grant execute on function postrider_internal.present_allowance(uuid,integer) to postrider_reader;

grant execute on function postrider_internal.present_portal_token() to postrider_portal;

grant execute on function postrider_internal.rate_burst(numeric,integer) to postrider_operator;

grant execute on function postrider_internal.rate_burst(numeric,integer) to postrider_reader;

grant execute on function postrider_internal.reached_limit(uuid) to postrider_operator;

grant execute on function postrider_internal.reached_limit(uuid) to postrider_reader;

grant execute on function postrider_internal.read_template(text) to postrider_operator;

grant execute on function postrider_internal.readable(text) to postrider_daemon;

grant execute on function postrider_internal.readable(text) to postrider_operator;

grant execute on function postrider_internal.readable(text) to postrider_reader;

grant execute on function postrider_internal.reads_session(pg_node_tree) to postrider_publisher;

grant execute on function postrider_internal.record_handshake(uuid,bigint,boolean,integer,smallint,text) to postrider_daemon;

grant execute on function postrider_internal.record_results(uuid,boolean,boolean,uuid[],uuid[],bigint[],integer[],uuid[],double precision[],integer[],smallint[],smallint[],bigint[],uuid[],text[],text[],json[],text[],text[],bigint[],text[],integer[],bigint[],bigint[],uuid[],uuid[]) to postrider_daemon;

grant execute on function postrider_internal.refuse_captured_truncate() to postrider_publisher;

grant execute on function postrider_internal.refuse_event(xid8,text,boolean,text,text,text,jsonb) to postrider_publisher;

grant execute on function postrider_internal.refuse_late(timestamp with time zone) to postrider_publisher;

grant execute on function postrider_internal.refuse_null_in_event(text) to postrider_publisher;

grant execute on function postrider_internal.refuse_own_type(text) to postrider_publisher;

grant execute on function postrider_internal.replaced_files() to postrider_daemon;

grant execute on function postrider_internal.replaced_files() to postrider_operator;

grant execute on function postrider_internal.replaced_files() to postrider_reader;

grant execute on function postrider_internal.row_change(text,text,json,json) to postrider_publisher;

grant execute on function postrider_internal.row_table(anyelement) to postrider_publisher;

grant execute on function postrider_internal.seal_secret(uuid,xid,text) to postrider_daemon;

grant execute on function postrider_internal.small_payload(json,integer) to postrider_operator;

grant execute on function postrider_internal.store_lines(text,uuid,bigint,text,text,jsonpath,text,integer,text,bigint,bigint,text,bigint,bigint,bigint,jsonb) to postrider_publisher;

grant execute on function postrider_internal.sum_places(bigint[],integer) to postrider_operator;

grant execute on function postrider_internal.sum_places(bigint[],integer) to postrider_reader;

grant execute on function postrider_internal.take_handshakes(integer) to postrider_daemon;

grant execute on function postrider_internal.take_over_claim(uuid,bigint[],integer) to postrider_daemon;

grant execute on function postrider_internal.transform_deliveries(uuid,uuid[],uuid[],integer,boolean) to postrider_daemon;

grant execute on function postrider_internal.transforms(text,jsonb) to postrider_operator;

grant execute on function postrider_internal.trigger_arguments(bytea) to postrider_operator;

grant execute on function postrider_internal.trigger_arguments(bytea) to postrider_publisher;

grant execute on function postrider_internal.trigger_arguments(bytea) to postrider_reader;

grant execute on function postrider_internal.url_without_secrets(text) to postrider_operator;

grant execute on function postrider_internal.use_api_key(bytea) to postrider_operator;

grant execute on function postrider_internal.use_api_key(bytea) to postrider_publisher;

grant execute on function postrider_internal.use_api_key(bytea) to postrider_reader;

grant execute on function postrider_internal.wake_daemons() to postrider_publisher;

grant execute on function postrider_internal.walk_deliveries(text[],text,integer,text,text,text,timestamp with time zone,timestamp with time zone,uuid,integer) to postrider_operator;

grant execute on function postrider_internal.walk_deliveries(text[],text,integer,text,text,text,timestamp with time zone,timestamp with time zone,uuid,integer) to postrider_reader;

grant execute on function postrider_internal.warn_of_other_event(text,text,text,json) to postrider_publisher;

grant execute on function postrider_internal.write_capture_functions(regclass,text,text,text,text,text,text[],text[],text,text,text,text) to postrider_publisher;
