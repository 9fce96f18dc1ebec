-- The schema as the migrations make it: for reading, and for comparing. Written by "npm run docs"; do not edit.

-- Schema

create schema postrider;

-- Sequences, those of identity columns included

create sequence postrider.claim_id_seq as bigint start 1 increment 1 minvalue 1 maxvalue 9223372036854775807 cache 1;

create sequence postrider.outbox_seq_seq as bigint start 1 increment 1 minvalue 1 maxvalue 9223372036854775807 cache 1;

-- Tables

create table postrider.attempt (
  event_id uuid not null,
  endpoint_id uuid not null,
  id uuid not null,
  daemon_id uuid not null,
  started_at timestamp with time zone not null,
  attempt_number integer not null,
  duration_ms integer not null,
  http_status smallint,
  failure_kind text,
  error text,
  response_headers json,
  response_body text,
  constraint attempt_pkey PRIMARY KEY (event_id, endpoint_id, id),
  constraint "an attempt that failed says how" CHECK (((failure_kind IS NULL) OR (error IS NOT NULL))),
  constraint "attempts are numbered from 1" CHECK ((attempt_number >= 1))
) partition by RANGE (event_id);

create table postrider.attempt_default partition of postrider.attempt default;

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
  daemon_id uuid,
  claimed_at timestamp with time zone not null default clock_timestamp(),
  event_ids uuid[] not null default '{}'::uuid[],
  endpoint_ids uuid[] not null default '{}'::uuid[],
  xid xid8 not null default pg_current_xact_id(),
  constraint claim_pkey PRIMARY KEY (id),
  constraint "a page inside a window says where it stopped" CHECK ((((target IS NULL) = (after_xid IS NULL)) AND ((target IS NULL) = (after_seq IS NULL)))),
  constraint "every event of a pair has its endpoint" CHECK ((cardinality(event_ids) = cardinality(endpoint_ids)))
);

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
  constraint daemon_pkey PRIMARY KEY (id),
  constraint "a condition is well, not_recording, not_claiming, not_sending o" CHECK ((condition = ANY (ARRAY['well'::text, 'not_recording'::text, 'not_claiming'::text, 'not_sending'::text, 'blind'::text]))),
  constraint "a reason has at most 200 characters" CHECK ((length(condition_reason) <= 200)),
  constraint "what keeps a daemon from its work has a time and a reason" CHECK ((num_nulls(condition_since, condition_reason) =
CASE condition
    WHEN 'well'::text THEN 2
    ELSE 0
END))
) with (fillfactor=50);

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
  state text not null,
  reason text,
  replay_id uuid,
  state_before text,
  constraint delivery_pkey PRIMARY KEY (event_id, endpoint_id),
  constraint "a discarded delivery has a reason" CHECK (((state <> 'discarded'::text) OR (reason IS NOT NULL))),
  constraint "a pending delivery has a next attempt, a finished one an end" CHECK (
CASE
    WHEN (state = 'pending'::text) THEN ((next_attempt_at IS NOT NULL) AND (finished_at IS NULL))
    ELSE ((next_attempt_at IS NULL) AND (finished_at IS NOT NULL))
END),
  constraint "attempts never go down" CHECK (((attempts >= attempts_before) AND (attempts_before >= 0))),
  constraint "only a pending delivery is leased" CHECK ((((leased_by IS NULL) = (lease_expires_at IS NULL)) AND ((leased_by IS NULL) OR (state = 'pending'::text)))),
  constraint "only a replayed delivery has a state before" CHECK (((state_before IS NULL) OR (replay_id IS NOT NULL))),
  constraint "state is pending, succeeded, exhausted or discarded" CHECK ((state = ANY (ARRAY['pending'::text, 'succeeded'::text, 'exhausted'::text, 'discarded'::text])))
) partition by RANGE (event_id);

create table postrider.delivery_default partition of postrider.delivery default;

create table postrider.endpoint (
  id uuid not null default postrider.uuid_v7(),
  tenant text not null default ''::text,
  url text not null,
  shown_url text not null generated always as (postrider.url_without_secrets(url)) stored,
  format text not null default 'standard'::text,
  timeout_ms integer not null default 15000,
  retry_schedule interval[] not null default '{00:00:05,00:05:00,00:30:00,02:00:00,05:00:00,10:00:00,14:00:00,20:00:00,24:00:00}'::interval[],
  headers jsonb not null default '{}'::jsonb,
  disable_after interval default '5 days'::interval,
  state text not null default 'active'::text,
  state_reason text,
  state_changed_at timestamp with time zone not null default clock_timestamp(),
  revision bigint not null default 1,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint endpoint_pkey PRIMARY KEY (id),
  constraint endpoint_tenant_key UNIQUE (id, tenant),
  constraint "disable_after is between 1 minute and 1 year" CHECK (((disable_after >= '00:01:00'::interval) AND (disable_after <= '1 year'::interval))),
  constraint "format is standard or raw" CHECK ((format = ANY (ARRAY['standard'::text, 'raw'::text]))),
  constraint "headers are names and texts that HTTP allows" CHECK ((postrider.header_problem(headers) IS NULL)),
  constraint "headers is a JSON object" CHECK ((jsonb_typeof(headers) = 'object'::text)),
  constraint "retry_schedule has at most 50 steps of 1 ms to 30 days" CHECK (((cardinality(retry_schedule) <= 50) AND postrider.are_retry_waits(retry_schedule))),
  constraint "state is active, paused or disabled" CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'disabled'::text]))),
  constraint "tenant has at most 255 characters" CHECK ((length(tenant) <= 255)),
  constraint "timeout_ms is between 100 and 120000" CHECK (((timeout_ms >= 100) AND (timeout_ms <= 120000))),
  constraint "url has a host, and if any a port of 1 to 65535" CHECK (((url !~* '^https?://[^[:space:][:cntrl:]]+$'::text) OR (url ~* '^https?://[^/?#]*@'::text) OR (url ~* '^https?://(\[[0-9a-f:.]+\]|[^][/?#:@\\]+)(:0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#\\]|$)'::text))),
  constraint "url has no fragment and no backslash" CHECK ((url !~ '[#\\]'::text)),
  constraint "url has no user and no password" CHECK ((url !~* '^https?://[^/?#]*@'::text)),
  constraint "url is http or https, without blanks, at most 2048 long" CHECK (((url ~* '^https?://[^[:space:][:cntrl:]]+$'::text) AND (length(url) <= 2048)))
);

create table postrider.endpoint_failure (
  endpoint_id uuid not null,
  consecutive_failures bigint not null,
  failing_since timestamp with time zone,
  last_failure_at timestamp with time zone not null,
  last_failure_kind text not null,
  last_http_status smallint,
  last_error text,
  recovered_at timestamp with time zone,
  constraint endpoint_failure_pkey PRIMARY KEY (endpoint_id),
  constraint "failing since a time, while failures follow each other" CHECK ((((failing_since IS NOT NULL) = (consecutive_failures > 0)) AND (consecutive_failures >= 0)))
) with (fillfactor=50);

create table postrider.endpoint_secret (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  secret text not null,
  created_at timestamp with time zone not null default clock_timestamp(),
  expires_at timestamp with time zone,
  constraint endpoint_secret_pkey PRIMARY KEY (id),
  constraint endpoint_secret_endpoint_id_fkey FOREIGN KEY (endpoint_id) REFERENCES postrider.endpoint(id) ON DELETE CASCADE,
  constraint "secret is whsec_ and base64 of 24 to 64 bytes" CHECK (((secret ~ '^whsec_[A-Za-z0-9+/]+={0,2}$'::text) AND ((length(secret) >= 38) AND (length(secret) <= 94))))
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
  constraint "name is dotted words of letters, digits, underscores" CHECK (((name ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$'::text) AND (length(name) <= 255))),
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

create table postrider.idempotency_key (
  tenant text not null,
  idempotency_key text not null,
  event_id uuid not null,
  constraint idempotency_key_pkey PRIMARY KEY (tenant, idempotency_key)
);

create table postrider.ingest_position (
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
  constraint ingest_position_pkey PRIMARY KEY (name),
  constraint "name has 1 to 1024 characters" CHECK (((length(name) >= 1) AND (length(name) <= 1024))),
  constraint "nothing is counted below 0" CHECK ((LEAST(batch, file_modified_ns, byte_offset, line_number, lines, events, unmatched, refused) >= 0))
) with (fillfactor=50);

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
  constraint outbox_pkey PRIMARY KEY (id),
  constraint "attributes is a JSON object" CHECK ((jsonb_typeof(attributes) = 'object'::text)),
  constraint "event_type is dotted words of letters, digits, underscores" CHECK (((event_type ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$'::text) AND (length(event_type) <= 255))),
  constraint "idempotency_key has 1 to 255 characters" CHECK (((length(idempotency_key) >= 1) AND (length(idempotency_key) <= 255))),
  constraint "ordering_key has 1 to 255 characters" CHECK (((length(ordering_key) >= 1) AND (length(ordering_key) <= 255))),
  constraint "tenant has at most 255 characters" CHECK ((length(tenant) <= 255))
) partition by RANGE (id);

create table postrider.outbox_default partition of postrider.outbox default;

create table postrider.replay (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  since timestamp with time zone not null,
  until timestamp with time zone not null,
  event_type text not null,
  states text[],
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

create table postrider.subscription (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  tenant text not null,
  event_type text not null,
  filter jsonpath,
  created_at timestamp with time zone not null default clock_timestamp(),
  constraint subscription_pkey PRIMARY KEY (id),
  constraint subscription_endpoint_id_fkey FOREIGN KEY (endpoint_id, tenant) REFERENCES postrider.endpoint(id, tenant) ON UPDATE CASCADE ON DELETE CASCADE,
  constraint "event_type is exact, a prefix such as order.*, or *" CHECK ((((event_type = '*'::text) OR (event_type ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*)?$'::text)) AND (length(event_type) <= 255)))
);

-- Indexes that no constraint brings along

CREATE INDEX audit_endpoint_id ON postrider.audit USING btree (endpoint_id, at);

CREATE INDEX delivery_due ON ONLY postrider.delivery USING btree (endpoint_id, next_attempt_at) WHERE (state = 'pending'::text);

CREATE INDEX delivery_leased ON ONLY postrider.delivery USING btree (lease_expires_at) WHERE (lease_expires_at IS NOT NULL);

CREATE INDEX delivery_oldest ON ONLY postrider.delivery USING btree (endpoint_id, event_id) WHERE (finished_at IS NULL);

CREATE INDEX delivery_replay ON ONLY postrider.delivery USING btree (replay_id) WHERE ((replay_id IS NOT NULL) AND (state = 'pending'::text));

CREATE INDEX endpoint_secret_endpoint_id ON postrider.endpoint_secret USING btree (endpoint_id);

CREATE INDEX idempotency_key_event_id ON postrider.idempotency_key USING btree (event_id);

CREATE INDEX outbox_window ON ONLY postrider.outbox USING btree (xid, seq);

CREATE INDEX replay_endpoint_id ON postrider.replay USING btree (endpoint_id);

CREATE INDEX replay_failure_replay_id ON postrider.replay_failure USING btree (replay_id);

CREATE INDEX replay_unfinished ON postrider.replay USING btree (id) WHERE (finished_at IS NULL);

CREATE INDEX subscription_endpoint_id ON postrider.subscription USING btree (endpoint_id);

CREATE INDEX subscription_match ON postrider.subscription USING btree (tenant, event_type);

-- Views

create view postrider.backlog (endpoint_id uuid, tenant text, url text, endpoint_state text, pending bigint, due bigint, oldest_at timestamp with time zone, oldest_age interval, is_exact boolean) as
 SELECT w.endpoint_id,
    e.tenant,
    e.shown_url AS url,
    COALESCE(e.state, 'deleted'::text) AS endpoint_state,
    w.pending,
    w.due,
    w.oldest_at,
    (now() - w.oldest_at) AS oldest_age,
    w.is_exact
   FROM (postrider.count_waiting(10000) w(endpoint_id, pending, due, is_exact, oldest_at)
     LEFT JOIN postrider.endpoint e ON ((e.id = w.endpoint_id)))
UNION ALL
 SELECT NULL::uuid AS endpoint_id,
    NULL::text AS tenant,
    NULL::text AS url,
    NULL::text AS endpoint_state,
    u.unclaimed AS pending,
    u.unclaimed AS due,
    u.oldest_at,
    (now() - u.oldest_at) AS oldest_age,
    u.is_exact
   FROM postrider.count_unclaimed(10000) u(unclaimed, is_exact, oldest_at)
  WHERE (u.unclaimed > 0);

create view postrider.capture_status (table_name regclass, event_type text, operations text[], condition text, payload text, ordering_key text, tenant text, function_name regprocedure, runs_as regrole, problem text) as
 SELECT (min(t.tgrelid))::regclass AS table_name,
    min(t.arguments[1]) AS event_type,
    array_agg(lower(split_part((t.tgname)::text, '_'::text, 2)) ORDER BY ((t.tgtype)::integer & 4) DESC, ((t.tgtype)::integer & 16) DESC) AS operations,
    NULLIF(min(t.arguments[2]), ''::text) AS condition,
    NULLIF(min(t.arguments[3]), ''::text) AS payload,
    NULLIF(min(t.arguments[4]), ''::text) AS ordering_key,
    NULLIF(min(t.arguments[5]), ''::text) AS tenant,
    (min(t.tgfoid))::regprocedure AS function_name,
    (min(p.proowner))::regrole AS runs_as,
        CASE
            WHEN (NOT has_column_privilege(min(p.proowner), ('postrider.outbox'::regclass)::oid, 'payload'::text, 'insert'::text)) THEN format('%s may not insert events, so that changes of captured rows fail: grant postrider_publisher to %1$s'::text, (min(p.proowner))::regrole)
            WHEN bool_or((t.tgenabled <> ALL (ARRAY['O'::"char", 'A'::"char"]))) THEN 'triggers are disabled, so that changes make no events: alter table ... enable trigger'::text
            WHEN (min(p.proowner) <> min(c.relowner)) THEN format('the table now belongs to %s: have its owner capture it again'::text, (min(c.relowner))::regrole)
            ELSE NULL::text
        END AS problem
   FROM ((( SELECT g.tgrelid,
            g.tgname,
            g.tgtype,
            g.tgfoid,
            g.tgenabled,
            postrider.trigger_arguments(g.tgargs) AS arguments
           FROM pg_trigger g
          WHERE ((g.tgname ~ '^postrider_(insert|update|delete)_'::text) AND (NOT g.tgisinternal) AND (g.tgparentid = (0)::oid) AND (g.tgnargs = 6))) t
     JOIN pg_class c ON ((c.oid = t.tgrelid)))
     JOIN pg_proc p ON ((p.oid = t.tgfoid)))
  GROUP BY t.tgrelid, t.tgfoid;

create view postrider.daemon_status (id uuid, host text, pid integer, version text, state text, condition text, condition_since timestamp with time zone, condition_reason text, started_at timestamp with time zone, beat_at timestamp with time zone, lease_expires_at timestamp with time zone, in_flight integer, waiting integer, claims bigint) as
 SELECT id,
    host,
    pid,
    version,
        CASE
            WHEN (lease_expires_at <= now()) THEN 'lost'::text
            WHEN ((beat_at + ((lease_expires_at - beat_at) / (2)::double precision)) < now()) THEN 'late'::text
            ELSE 'live'::text
        END AS state,
    condition,
    condition_since,
    condition_reason,
    started_at,
    beat_at,
    lease_expires_at,
    in_flight,
    waiting,
    ( SELECT count(*) AS count
           FROM postrider.claim c
          WHERE ((c.daemon_id = d.id) AND (cardinality(c.event_ids) > 0))) AS claims
   FROM postrider.daemon d;

create view postrider.delivery_status (event_id uuid, endpoint_id uuid, event_type text, tenant text, state text, detail text, reason text, attempts integer, last_http_status integer, last_error text, next_attempt_at timestamp with time zone, created_at timestamp with time zone, finished_at timestamp with time zone) as
 SELECT d.event_id,
    d.endpoint_id,
    ( SELECT o.event_type
           FROM postrider.outbox o
          WHERE (o.id = d.event_id)) AS event_type,
    ( SELECT o.tenant
           FROM postrider.outbox o
          WHERE (o.id = d.event_id)) AS tenant,
    d.state,
        CASE
            WHEN (d.state <> 'pending'::text) THEN d.state
            WHEN (EXISTS ( SELECT
               FROM postrider.cancellation c
              WHERE ((c.event_id = d.event_id) AND (c.endpoint_id = d.endpoint_id)))) THEN 'cancelled'::text
            WHEN (d.lease_expires_at > now()) THEN 'in flight'::text
            WHEN (( SELECT e.state
               FROM postrider.endpoint e
              WHERE (e.id = d.endpoint_id)) = 'paused'::text) THEN 'paused'::text
            WHEN (d.attempts > d.attempts_before) THEN 'retrying'::text
            WHEN (d.next_attempt_at > now()) THEN 'scheduled'::text
            ELSE 'deferred'::text
        END AS detail,
        CASE
            WHEN (d.state = 'discarded'::text) THEN d.reason
            ELSE NULL::text
        END AS reason,
    d.attempts,
    (( SELECT a.http_status
           FROM postrider.attempt a
          WHERE ((a.event_id = d.event_id) AND (a.endpoint_id = d.endpoint_id))
          ORDER BY a.attempt_number DESC, a.started_at DESC
         LIMIT 1))::integer AS last_http_status,
    ( SELECT a.error
           FROM postrider.attempt a
          WHERE ((a.event_id = d.event_id) AND (a.endpoint_id = d.endpoint_id))
          ORDER BY a.attempt_number DESC, a.started_at DESC
         LIMIT 1) AS last_error,
    d.next_attempt_at,
    d.created_at,
    d.finished_at
   FROM postrider.delivery d
UNION ALL
 SELECT f.event_id,
    f.endpoint_id,
    ( SELECT o.event_type
           FROM postrider.outbox o
          WHERE (o.id = f.event_id)) AS event_type,
    ( SELECT o.tenant
           FROM postrider.outbox o
          WHERE (o.id = f.event_id)) AS tenant,
    'pending'::text AS state,
        CASE
            WHEN (EXISTS ( SELECT
               FROM postrider.cancellation c
              WHERE ((c.event_id = f.event_id) AND (c.endpoint_id = f.endpoint_id)))) THEN 'cancelled'::text
            ELSE 'in flight'::text
        END AS detail,
    NULL::text AS reason,
    0 AS attempts,
    NULL::integer AS last_http_status,
    NULL::text AS last_error,
    NULL::timestamp with time zone AS next_attempt_at,
    f.since AS created_at,
    NULL::timestamp with time zone AS finished_at
   FROM postrider.in_flight f
  WHERE (f.lease_expires_at IS NULL);

create view postrider.endpoint_health (endpoint_id uuid, url text, tenant text, state text, state_reason text, is_failing boolean, failing_since timestamp with time zone, consecutive_failures bigint, last_failure_at timestamp with time zone, last_failure_kind text, last_http_status smallint, last_error text, recovered_at timestamp with time zone, disabled_from timestamp with time zone) as
 SELECT e.id AS endpoint_id,
    e.shown_url AS url,
    e.tenant,
    e.state,
    e.state_reason,
    (COALESCE(f.consecutive_failures, (0)::bigint) > 0) AS is_failing,
    f.failing_since,
    COALESCE(f.consecutive_failures, (0)::bigint) AS consecutive_failures,
    f.last_failure_at,
    f.last_failure_kind,
    f.last_http_status,
    f.last_error,
    f.recovered_at,
        CASE
            WHEN ((e.state = 'active'::text) AND (f.failing_since IS NOT NULL)) THEN (GREATEST(f.failing_since, e.state_changed_at) + e.disable_after)
            ELSE NULL::timestamp with time zone
        END AS disabled_from
   FROM (postrider.endpoint e
     LEFT JOIN postrider.endpoint_failure f ON ((f.endpoint_id = e.id)));

create view postrider.in_flight (event_id uuid, endpoint_id uuid, attempt_number integer, daemon_id uuid, since timestamp with time zone, lease_expires_at timestamp with time zone) as
 SELECT p.event_id,
    p.endpoint_id,
    1 AS attempt_number,
    c.daemon_id,
    c.claimed_at AS since,
    NULL::timestamp with time zone AS lease_expires_at
   FROM (postrider.claim c
     CROSS JOIN LATERAL UNNEST(c.event_ids, c.endpoint_ids) p(event_id, endpoint_id))
  WHERE (NOT (EXISTS ( SELECT
           FROM postrider.delivery d
          WHERE ((d.event_id = p.event_id) AND (d.endpoint_id = p.endpoint_id))
         OFFSET 0)))
UNION ALL
 SELECT d.event_id,
    d.endpoint_id,
    (d.attempts + 1) AS attempt_number,
    d.leased_by AS daemon_id,
    NULL::timestamp with time zone AS since,
    d.lease_expires_at
   FROM postrider.delivery d
  WHERE ((d.lease_expires_at > now()) AND (d.lease_expires_at IS NOT NULL));

create view postrider.replay_status (replay_id uuid, endpoint_id uuid, url text, endpoint_state text, state text, reason text, since timestamp with time zone, until timestamp with time zone, event_type text, states text[], events bigint, prepared bigint, left_alone bigint, pending bigint, succeeded bigint, exhausted bigint, discarded bigint, restored bigint, created_at timestamp with time zone, progressed_at timestamp with time zone, finished_at timestamp with time zone, requested_by text) as
 SELECT r.id AS replay_id,
    r.endpoint_id,
    e.shown_url AS url,
    COALESCE(e.state, 'deleted'::text) AS endpoint_state,
    r.state,
    r.reason,
    r.since,
    r.until,
    r.event_type,
    r.states,
    r.events,
    r.prepared,
    r.left_alone,
    p.pending,
    ((((((r.prepared - r.restored) - p.pending) - r.exhausted) - f.exhausted) - r.discarded) - f.discarded) AS succeeded,
    (r.exhausted + f.exhausted) AS exhausted,
    (r.discarded + f.discarded) AS discarded,
    r.restored,
    r.created_at,
    r.progressed_at,
    r.finished_at,
    r.requested_by
   FROM (((postrider.replay r
     LEFT JOIN postrider.endpoint e ON ((e.id = r.endpoint_id)))
     CROSS JOIN LATERAL ( SELECT count(*) AS pending
           FROM postrider.delivery d
          WHERE ((r.finished_at IS NULL) AND (d.replay_id = r.id) AND (d.state = 'pending'::text))) p)
     CROSS JOIN LATERAL ( SELECT count(*) FILTER (WHERE (n.state = 'exhausted'::text)) AS exhausted,
            count(*) FILTER (WHERE (n.state = 'discarded'::text)) AS discarded
           FROM postrider.replay_failure n
          WHERE (n.replay_id = r.id)) f);

-- Functions

CREATE OR REPLACE FUNCTION postrider.adopt(dry_run boolean DEFAULT false)
 RETURNS TABLE(outcome text, problem text, events bigint, unclaimed bigint, moved bigint, in_hand bigint, pending bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
AS $function$
#variable_conflict use_column
declare
  -- applications may draw from it while it is moved
  seq_gap constant integer := 1000;
  oldest_xid constant xid8 := '3';
  place record;
  cursor_row record;
  replication text;
  new_base pg_snapshot;
  new_claim_id bigint;
  unsettled uuid[];
begin
  problem := postrider.copy_problem();
  if problem is not null and not dry_run then
    perform pg_advisory_xact_lock(1886352244, 1);
    problem := postrider.copy_problem(); -- somebody else may have adopted it meanwhile
  end if;
  if problem is null then
    outcome := 'nothing to adopt';
    return next;
    return;
  end if;
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'cannot adopt the database: the transaction has written already'
      using errcode = 'invalid_transaction_state', hint = 'Adopt in a transaction of its own.';
  end if;
  select string_agg(distinct quote_ident(s.subname), ', ') into replication
  from pg_subscription_rel r
  join pg_subscription s on s.oid = r.srsubid
  join pg_class c on c.oid = r.srrelid
  where c.relnamespace = 'postrider'::regnamespace;
  if replication is not null then
    raise exception 'cannot adopt the database: it is still being replicated into, by the subscription %', replication
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'What arrived afterwards would not be claimed; one that is disabled may be enabled at any time.',
        hint = 'Stop the original''s daemons, wait until the copy has caught up, drop the subscription, and adopt then.';
  end if;
  select c.id, c.base, c.target, c.after_xid, c.after_seq, c.claimed_at, c.xmin <> c.xid::xid as is_copied into cursor_row
  from postrider.claim c
  order by c.id desc
  limit 1;
  if not found then
    raise exception 'cannot adopt the database: the cursor is gone, postrider.claim has no row'
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Without it nobody can say which events were claimed.',
        hint = 'Copy postrider.claim along with the other tables. Or insert into postrider.claim (base) values (''1:1:''): then every event that is retained and has no delivery is claimed anew.';
  end if;
  if cursor_row.is_copied and cursor_row.claimed_at >= clock_timestamp() then
    raise exception 'cannot adopt the database: its last claim is dated %, and the clock of this server has not come so far', cursor_row.claimed_at
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'Events that were inserted here might not be told from those that were claimed before.',
        hint = 'Set the clock.';
  end if;
  -- Before anything else is looked at, and before this transaction has an id: whatever commits from here on is new.
  new_base := pg_current_snapshot();
  if not dry_run then
    -- Now, and not at the end: whoever holds it would undo all the work.
    insert into postrider.sending default values on conflict on constraint sending_pkey do nothing;
    perform from postrider.sending s where s.is_row for update;
  end if;

  select count(*), count(*) filter (where s.is_settled and not pg_visible_in_snapshot(s.xid, new_base)),
         coalesce(array_agg(s.id order by s.created_at, s.seq) filter (where not s.is_settled), '{}')
  into events, moved, unsettled
  from (
    -- Seqs of what came with the copy and of what was inserted since may be the same; within each they go with the time.
    select o.id, o.xid, o.seq, o.created_at,
           postrider.is_settled(o.xid, o.seq, o.created_at, o.xmin, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                                cursor_row.after_seq, cursor_row.claimed_at, cursor_row.is_copied)
           or exists (select from postrider.delivery d where d.event_id = o.id offset 0)
           or o.id in (select e.id from postrider.claim c cross join lateral unnest(c.event_ids) e (id)) as is_settled
    from postrider.outbox o) s;
  unclaimed := cardinality(unsettled);
  select count(*) into in_hand
  from postrider.claim c
  cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
  where not exists (
    select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
    offset 0);
  select count(*) into pending from postrider.delivery d where d.state = 'pending';
  if dry_run then
    outcome := 'would be adopted';
    return next;
    return;
  end if;

  perform postrider.move_sequence('postrider.outbox', 'seq', (select max(o.seq) from postrider.outbox o), seq_gap);
  perform postrider.move_sequence('postrider.claim', 'id', cursor_row.id, 1);

  -- First, since one of these may have the very id of this transaction; by the id 3 they are settled still.
  update postrider.outbox o
  set xid = oldest_xid
  where not pg_visible_in_snapshot(o.xid, new_base)
    and (postrider.is_settled(o.xid, o.seq, o.created_at, o.xmin, cursor_row.base, cursor_row.target, cursor_row.after_xid,
                              cursor_row.after_seq, cursor_row.claimed_at, cursor_row.is_copied)
      or exists (select from postrider.delivery d where d.event_id = o.id offset 0)
      or o.id in (select e.id from postrider.claim c cross join lateral unnest(c.event_ids) e (id)));
  get diagnostics moved = row_count;

  update postrider.outbox o
  set xid = pg_current_xact_id(), seq = default
  from unnest(unsettled) u (id)
  where o.id = u.id;
  get diagnostics unclaimed = row_count;

  insert into postrider.claim (base) values (new_base) returning id into new_claim_id;
  delete from postrider.claim c where c.id < new_claim_id and cardinality(c.event_ids) = 0;
  delete from postrider.daemon;
  select p.system_identifier, p.database_oid into place from postrider.present_place() p;
  update postrider.sending s
  set system_identifier = place.system_identifier, database_oid = place.database_oid, home_since = clock_timestamp();
  perform postrider.refresh_judged_event_types();
  perform postrider.note_action('adopt', null, null, jsonb_build_object(
    'problem', problem, 'unclaimed', unclaimed, 'moved', moved, 'in_hand', in_hand, 'pending', pending));
  outcome := 'adopted';
  return next;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.allow_unknown_event_types(reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform postrider.set_unknown_types('allowed', 'allow_unknown_event_types', reason);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.are_retry_waits(waits interval[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (NOT (EXISTS (SELECT FROM unnest(are_retry_waits.waits) w(wait) WHERE ((w.wait IS NULL) OR (EXTRACT(year FROM w.wait) <> (0)::numeric) OR ((EXTRACT(month FROM w.wait) < (0)::numeric) OR (EXTRACT(month FROM w.wait) > (1)::numeric)) OR ((EXTRACT(day FROM w.wait) < (0)::numeric) OR (EXTRACT(day FROM w.wait) > (30)::numeric)) OR (((EXTRACT(epoch FROM w.wait) - (EXTRACT(month FROM w.wait) * (2592000)::numeric)) - (EXTRACT(day FROM w.wait) * (86400)::numeric)) < (0)::numeric) OR ((EXTRACT(epoch FROM w.wait) < 0.001) OR (EXTRACT(epoch FROM w.wait) > (2592000)::numeric))))));

CREATE OR REPLACE FUNCTION postrider.attach_partition(parent text, day date, with_strays boolean DEFAULT false)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION postrider.beat(daemon_id uuid, host text, pid integer, version text, lease_ms integer, in_flight integer, waiting integer, condition text DEFAULT 'well'::text, condition_ms integer DEFAULT NULL::integer, condition_reason text DEFAULT NULL::text, is_renewal boolean DEFAULT false)
 RETURNS boolean
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT postrider.require_home() AS require_home;
 DELETE FROM postrider.daemon
   WHERE (daemon.lease_expires_at < (now() - '1 day'::interval));
 WITH renewed AS (
          UPDATE postrider.daemon d SET beat_at = clock_timestamp(), lease_expires_at = (clock_timestamp() + ((beat.lease_ms)::double precision * '00:00:00.001'::interval)), in_flight = beat.in_flight, waiting = beat.waiting, condition = beat.condition, condition_since = (clock_timestamp() - ((beat.condition_ms)::double precision * '00:00:00.001'::interval)), condition_reason = beat.condition_reason
           WHERE (beat.is_renewal AND (d.id = beat.daemon_id) AND (d.lease_expires_at > clock_timestamp()))
           RETURNING d.id
         ), entered AS (
          INSERT INTO postrider.daemon AS d (id, host, pid, version, beat_at, lease_expires_at, in_flight, waiting, condition, condition_since, condition_reason)  SELECT beat.daemon_id AS daemon_id,
                     beat.host AS host,
                     beat.pid AS pid,
                     beat.version AS version,
                     clock_timestamp() AS clock_timestamp,
                     (clock_timestamp() + ((beat.lease_ms)::double precision * '00:00:00.001'::interval)),
                     beat.in_flight AS in_flight,
                     beat.waiting AS waiting,
                     beat.condition AS condition,
                     (clock_timestamp() - ((beat.condition_ms)::double precision * '00:00:00.001'::interval)),
                     beat.condition_reason AS condition_reason
                   WHERE (NOT beat.is_renewal) ON CONFLICT(id) DO UPDATE SET beat_at = excluded.beat_at, lease_expires_at = excluded.lease_expires_at, in_flight = excluded.in_flight, waiting = excluded.waiting, condition = excluded.condition, condition_since = excluded.condition_since, condition_reason = excluded.condition_reason
           RETURNING d.id
         )
  SELECT ((EXISTS ( SELECT
            FROM renewed)) OR (EXISTS ( SELECT
            FROM entered)));
END;

CREATE OR REPLACE FUNCTION postrider.begin_action(action text, endpoint_id uuid, detail jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  audit_id uuid;
begin
  insert into postrider.audit (action, endpoint_id, detail)
  values (begin_action.action, begin_action.endpoint_id, coalesce(begin_action.detail, '{}'))
  returning id into audit_id;
  perform set_config('postrider.audit_id', audit_id::text, true);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.cancel(event_id uuid, endpoint_id uuid, reason text DEFAULT NULL::text)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
-- What nobody has in hand is discarded here. What a daemon has in hand is only marked (postrider.cancellation): the
-- request may be under way, and a row written here would make the daemon's own record of it wait for this transaction,
-- and every other record with it. The daemon looks at the marks four times a second and puts out what it has not begun;
-- of an attempt that is under way, the record knows a success as succeeded and anything else as discarded.
-- Looked at again where a record or a lease was written between the look at the deliveries and that at what is in hand.
declare
  discard_reason constant text := concat_ws(': ', 'cancelled', reason);
  looks_max constant integer := 5;
  found_state text;
begin
  for look in 1 .. looks_max loop
    update postrider.delivery d
    set state = 'discarded', reason = discard_reason, finished_at = now(),
        next_attempt_at = null, leased_by = null, lease_expires_at = null
    where d.event_id = event_id and d.endpoint_id = endpoint_id and d.state = 'pending'
      and (d.lease_expires_at is null or d.lease_expires_at <= now());
    if found then
      perform postrider.note_action('cancel', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
      return 'discarded';
    end if;
    select d.state into found_state from postrider.delivery d where d.event_id = event_id and d.endpoint_id = endpoint_id;
    if found and found_state <> 'pending' then
      return found_state;
    end if;
    if exists (select from postrider.in_flight f where f.event_id = event_id and f.endpoint_id = endpoint_id) then
      insert into postrider.cancellation (event_id, endpoint_id, reason)
      values (event_id, endpoint_id, discard_reason)
      on conflict on constraint cancellation_pkey do nothing;
      if found then
        perform postrider.note_action('cancel', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
      end if;
      perform postrider.notify_daemons();
      return 'pending';
    end if;
  end loop;
  raise exception 'there is no delivery of event % to endpoint %', coalesce(event_id::text, 'null'), coalesce(endpoint_id::text, 'null')
    using errcode = 'no_data_found',
      hint = 'postrider.explain_event(event_id) says why: it did not match, or has not been claimed yet.';
end
$function$;

CREATE OR REPLACE FUNCTION postrider.cancel_replay(replay_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  old_replay record;
begin
  -- the endpoint first, as everything does that ends a replay
  perform from postrider.endpoint e
  where e.id = (select r.endpoint_id from postrider.replay r where r.id = replay_id)
  for no key update;
  select r.endpoint_id, r.state into old_replay from postrider.replay r where r.id = replay_id for update;
  if not found then
    raise exception 'there is no replay %', coalesce(replay_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select replay_id, url, state from postrider.replay_status lists them.';
  end if;
  if old_replay.state in ('done', 'cancelled') then
    raise exception 'replay % is % already', replay_id, old_replay.state
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  perform postrider.end_replay(replay_id, 'cancelled by ' || session_user);
  perform postrider.note_action('cancel_replay', old_replay.endpoint_id, null, jsonb_build_object('replay_id', replay_id));
end
$function$;

CREATE OR REPLACE FUNCTION postrider.capture(table_name regclass, event_type text, operations text[] DEFAULT '{insert,update,delete}'::text[], condition text DEFAULT NULL::text, payload text DEFAULT NULL::text, ordering_key text DEFAULT NULL::text, tenant text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE sql
AS $function$
  -- Not pinned, for here alone is the search_path known that the expressions are written for.
  select postrider.make_capture(table_name, event_type, operations, condition, payload, ordering_key, tenant,
    pg_catalog.current_schemas(false))
$function$;

CREATE OR REPLACE FUNCTION postrider.capture_function(table_name text, payload text, condition text, ordering_key text, tenant text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  -- The line break after each expression ends a comment that it may end with. The condition has a statement of its own:
  -- where "when" has judged, it may name columns as they were once called.
  select format($body$
begin
  if tg_argv[5] = 'function' then
    if (%s
    ) is not true then
      return null;
    end if;
  end if;
  insert into postrider.outbox (event_type, payload, ordering_key, tenant)
  values (
    tg_argv[0],
    coalesce(%s, 'null'),
    %s,
    coalesce(%s, ''));
  return null;
end
$body$,
    coalesce(condition, 'true'),
    coalesce('pg_catalog.to_json((' || payload || E'\n))',
      format('postrider.row_change(pg_catalog.lower(tg_op), %L, pg_catalog.to_json(old), pg_catalog.to_json(new))', table_name)),
    coalesce('(' || ordering_key || E'\n)::text', 'null'),
    coalesce('(' || tenant || E'\n)::text', 'null'))
$function$;

CREATE OR REPLACE FUNCTION postrider.check_capture(table_name regclass, operations text[])
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
-- What cannot be captured rightly is refused, with the reason.
declare
  captured record;
  reason text;
  advice text;
begin
  select c.relkind, c.relowner, c.relpersistence,
         -- Tables of ours carry a comment. Others are found here too: those of a login named postrider, whose search_path
         -- has the schema of that name first.
         c.relnamespace = 'postrider'::regnamespace and obj_description(c.oid, 'pg_class') is not null as is_ours,
         c.relnamespace in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) as is_system,
         exists (select from pg_inherits i where i.inhparent = c.oid) as has_children,
         (select string_agg(quote_ident(a.attname), ', ' order by a.attnum) from pg_attribute a
          where a.attrelid = c.oid and a.attgenerated = 'v' and not a.attisdropped) as virtual_columns
  into captured
  from pg_class c
  where c.oid = table_name;
  if captured is null then
    raise exception 'cannot capture the changes of a table that is null or does not exist' using errcode = 'undefined_table';
  end if;
  if not pg_has_role(current_user, captured.relowner, 'usage') then
    raise exception 'cannot capture the changes of %: % does not own it', table_name, current_user
      using errcode = 'insufficient_privilege', hint = format('Its owner is %s.', captured.relowner::regrole);
  end if;
  if not has_column_privilege(captured.relowner, 'postrider.outbox', 'payload', 'insert') then
    raise exception 'cannot capture the changes of %: its owner, %, may not insert events', table_name, captured.relowner::regrole
      using errcode = 'insufficient_privilege', hint = format('grant postrider_publisher to %s', captured.relowner::regrole);
  end if;
  if 'truncate' = any (operations) then
    reason := 'a truncate does not say which rows it takes away';
    advice := 'Capture delete: then a truncate of the table is refused.';
  elsif operations is null or operations = '{}' or not operations <@ '{insert,update,delete}' then
    reason := format('the operations are %L', operations);
    advice := 'Give one or more of insert, update and delete.';
  elsif captured.is_ours or captured.is_system then
    reason := format('it is part of %s', case when captured.is_ours then 'Postrider' else 'PostgreSQL' end);
    advice := 'Move a table of your own to another schema.';
  elsif captured.relkind not in ('r', 'p') then
    reason := 'it is no table of this database: what changes it cannot be seen';
    advice := 'Capture the tables beneath it.';
  elsif captured.relpersistence = 't' then
    reason := 'it is temporary';
  elsif captured.relkind = 'r' and captured.has_children then
    reason := 'other tables inherit from it, and do not inherit its triggers';
    advice := 'Capture each of those that inherit, with the same event type.';
  elsif captured.virtual_columns is not null then
    reason := format('triggers cannot see the virtual generated columns %s', captured.virtual_columns);
    advice := 'Make them stored generated columns.';
  elsif captured.relkind = 'p' and 'update' = any (operations) and not operations @> '{insert,delete}' then
    reason := 'an update that moves a row to another partition is a delete and an insert to triggers';
    advice := 'Capture insert, update and delete, and tell them apart in the condition or in the payload; or capture each partition.';
  end if;
  if reason is not null then
    raise exception 'cannot capture the changes of %: %', table_name, reason
      using errcode = 'feature_not_supported', hint = coalesce(advice, '');
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.check_capture_expression(table_name regclass, argument text, expression text, form text, search_path text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
-- Planned as a cursor, never run: a cursor takes a single statement, and "case when" a single expression. Postgres says
-- what is wrong with it: a column that is not there, a type that does not fit.
declare
  statement constant text := format('select %s from %s as old, %2$s as new where false',
    format(form, expression || E'\n'), table_name);
  plan refcursor;
  problem text;
begin
  if expression is null then
    return;
  end if;
  -- from here on everything is named in full; the function's own setting ends with it
  perform pg_catalog.set_config('search_path', search_path, true);
  open plan for execute statement;
  close plan;
exception
  when others then
    get stacked diagnostics problem = message_text;
    raise exception 'cannot capture the changes of %: % is no expression over old and new: %', table_name, argument, problem
      using errcode = 'invalid_parameter_value', detail = pg_catalog.format('%s => %L', argument, expression),
        hint = 'Name columns as old.column and new.column, and test it with: select (expression) from the_table as old, the_table as new limit 1.';
end
$function$;

CREATE OR REPLACE FUNCTION postrider.claim_deliveries(daemon_id uuid, after_endpoint uuid, endpoints_max integer, deliveries_max integer, share_max integer, known_endpoints uuid[], known_rooms integer[], lease_margin_ms integer, payload_bytes_max integer)
 RETURNS TABLE(event_id uuid, endpoint_id uuid, attempts integer, attempts_before integer, event_type text, created_at text, payload text, revision bigint, lease_ms integer, next_due_ms bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
-- Walks the endpoints that have pending deliveries, one index probe each, and takes a few due ones of each: an endpoint
-- with millions waiting costs the others nothing. A step over an endpoint that is paused, busy or not due is one probe,
-- whatever waits behind it. One call walks a part of the way; the caller goes on until the end of it.
declare
  place uuid := coalesce(after_endpoint, '00000000-0000-0000-0000-000000000000');
  discards_max constant integer := 1000;
  first record;
  target record;
  taken integer := 0;
  discarded integer := 0;
  share integer;
  step_count integer;
  next_due timestamptz;
  at_end boolean := false;
begin
  if not postrider.require_home() then
    return query select null::uuid, null::uuid, null::integer, null::integer, null::text, null::text, null::text, null::bigint,
      null::integer, null::bigint;
    return;
  end if;
  if exists (select from postrider.cancellation) then
    perform postrider.finish_cancellations();
  end if;
  for step in 1 .. endpoints_max loop
    exit when taken >= deliveries_max or discarded >= discards_max;
    select d.endpoint_id, d.next_attempt_at into first
    from postrider.delivery d
    where d.state = 'pending' and d.endpoint_id > place
    order by d.endpoint_id, d.next_attempt_at
    limit 1;
    at_end := not found;
    exit when at_end;
    place := first.endpoint_id;

    select e.state, e.revision, e.timeout_ms + lease_margin_ms as lease_ms into target
    from postrider.endpoint e
    where e.id = place;
    if not found or target.state = 'disabled' then
      -- what came in while the endpoint went: a first attempt that failed, a fan-out; see postrider.endpoint_changed
      step_count := postrider.discard_deliveries(place, postrider.discard_reason(target.state), discards_max);
      discarded := discarded + step_count;
      if step_count > 0 then
        next_due := now();
      end if;
      continue;
    end if;
    share := least(coalesce(known_rooms[array_position(known_endpoints, place)], share_max), deliveries_max - taken);
    continue when target.state = 'paused';
    if first.next_attempt_at > now() then
      next_due := least(next_due, first.next_attempt_at);
      continue;
    elsif share = 0 then
      -- the daemon walks again when a slot comes free; this is for the case that none does
      next_due := least(next_due, now() + interval '250 ms');
      continue;
    end if;

    return query
      with due as (
        select d.event_id, d.endpoint_id
        from postrider.delivery d
        where d.endpoint_id = place and d.state = 'pending' and d.next_attempt_at <= now()
          -- cancelled since the look at the beginning
          and not exists (
            select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
        order by d.next_attempt_at
        limit share
        for update skip locked
      ), leased as (
        update postrider.delivery d
        set leased_by = claim_deliveries.daemon_id,
            lease_expires_at = now() + target.lease_ms * interval '1 ms',
            next_attempt_at = now() + target.lease_ms * interval '1 ms'
        from due
        where d.event_id between due.event_id and due.event_id and d.endpoint_id = due.endpoint_id
        returning d.event_id, d.endpoint_id, d.attempts, d.attempts_before
      )
      select l.event_id, l.endpoint_id, l.attempts, l.attempts_before, o.event_type,
             to_char(o.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), o.payload,
             target.revision, target.lease_ms, null::bigint
      from leased l
      left join lateral (
        select i.event_type, i.created_at, postrider.small_payload(i.payload, payload_bytes_max) as payload
        from postrider.outbox i
        where i.id = l.event_id
        offset 0) o on true;
    get diagnostics step_count = row_count;
    taken := taken + step_count;
    -- more of this endpoint may be due: come back to it in the next walk
    if step_count > 0 then
      next_due := now();
    end if;
  end loop;
  -- The last row: where to go on, null at the end of the way, and in how many milliseconds something is due of what was
  -- seen. Bounded, for deliver_at may be infinity; null where nothing waits.
  return query select null::uuid, case when not at_end then place end, null::integer, null::integer, null::text, null::text,
    null::text, null::bigint, null::integer,
    case when next_due is not null
      then greatest(0, extract(epoch from least(next_due, now() + interval '1 day') - now()) * 1000)::bigint end;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.claim_events(daemon_id uuid, events_max integer, pairs_max integer, fan_out_max integer, payload_bytes_max integer, unjudged_endpoints uuid[], unjudged_events uuid[])
 RETURNS TABLE(outcome text, claim_id bigint, event_count integer, queued_count integer, event_id uuid, event_type text, created_at text, payload text, endpoint_ids text, revisions text, slow_endpoint_id uuid)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
declare
  -- A page ends early, after one event at least, where its events have more deliveries than this together (a million of
  -- them took 11 s to write), or when its filters have taken so long.
  page_pairs_max constant integer := 10000;
  page_judging_max constant interval := '300 ms';
  newest record;
  base pg_snapshot;
  target pg_snapshot;
  after_xid xid8;
  after_seq bigint;
  stragglers xid8[];
  started timestamptz;
  complete boolean;
  ids uuid[];
  types text[];
  tenants text[];
  due_times timestamptz[];
  created_times timestamptz[];
  payloads text[];
  xids xid8[];
  seqs bigint[];
  found_count integer;
  page_count integer;
  rule_tenants text[];
  rule_types text[];
  rule_endpoints uuid[];
  rule_active boolean[];
  rule_narrow boolean[];
  rule_filtered boolean[];
  rule_revisions bigint[];
  filter_tenants text[];
  filter_types text[];
  filter_endpoints uuid[];
  filters jsonpath[];
  slow_event uuid;
  slow_endpoint uuid;
  judged record;
  judgement_endpoints uuid[];
  judgement_problems text[];
  judged_events uuid[] := '{}';
  judged_endpoints uuid[] := '{}';
  judged_problems text[] := '{}';
  pair_events uuid[];
  pair_endpoints uuid[];
  pair_revisions bigint[];
  express_count integer;
  queued integer := 0;
  queue_events uuid[];
  queue_endpoints uuid[];
  queue_times timestamptz[];
  refused_events uuid[];
  refused_endpoints uuid[];
  refused_reasons text[];
  new_claim_id bigint;
begin
  -- Under repeatable read a claim would see the outbox as it was before the claim that it continues.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'cannot claim events: the transaction is %', current_setting('transaction_isolation')
      using errcode = 'invalid_transaction_state', hint = 'Claim under read committed.';
  end if;
  -- A claim that finds nothing writes nothing, so that a primary that was made read only would answer it for ever, while
  -- the events come in elsewhere.
  if current_setting('transaction_read_only')::boolean then
    raise exception 'cannot claim events: the server takes no writes'
      using errcode = 'read_only_sql_transaction', hint = 'Let DATABASE_URL lead to the primary.';
  end if;
  -- The lane. Not a row lock: that would give this transaction an id before the snapshot is taken, and a snapshot
  -- leaves its own transaction out, so that an event written by the claiming transaction itself would be lost.
  if not pg_try_advisory_xact_lock(1886352244, 1) then
    return query select 'busy', null::bigint, 0, 0, null::uuid, null::text, null::text, null::text, null::text, null::text,
                        null::uuid;
    return;
  end if;
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'cannot claim events: the transaction has written already'
      using errcode = 'invalid_transaction_state', hint = 'Claim in a transaction of its own.';
  end if;
  -- The flush of this commit carries the commits of the events with it: without it, a crash of Postgres could undo an
  -- event of an application that commits asynchronously after it has been sent.
  if current_setting('synchronous_commit') in ('off', 'local') then
    perform set_config('synchronous_commit', 'on', true);
  end if;

  select c.id, c.base, c.target, c.after_xid, c.after_seq, s.is_on, s.place into newest
  from (
    select n.id, n.base, n.target, n.after_xid, n.after_seq from postrider.claim n order by n.id desc limit 1) c
  left join (
    select h.is_on, case when h.database_oid is not null then concat(h.system_identifier, '/', h.database_oid) end as place
    from postrider.sending h
    where h.is_row) s on true;
  if not found then
    raise exception 'cannot claim events: the cursor is gone, postrider.claim has no row'
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'insert into postrider.claim (base) values (''1:1:'') claims every event there is, again; a snapshot of now, pg_current_snapshot(), none before it.';
  end if;
  if newest.is_on is null or newest.place is distinct from coalesce(current_setting('postrider.place', true), '') then
    perform postrider.require_home();
  end if;
  if not newest.is_on then
    return query select 'off', null::bigint, 0, 0, null::uuid, null::text, null::text, null::text, null::text, null::text,
                        null::uuid;
    return;
  end if;
  base := newest.base;
  if pg_snapshot_xmax(coalesce(newest.target, base)) > pg_snapshot_xmax(pg_current_snapshot()) then
    raise exception 'cannot claim events: the cursor is at transaction % and this server only at %',
      pg_snapshot_xmax(coalesce(newest.target, base)), pg_snapshot_xmax(pg_current_snapshot())
      using errcode = 'PR014',
        detail = 'The rows were made by another server: this database was restored from a dump, or copied',
        hint = 'if it is to take the place of the other one, run "postrider adopt", or select postrider.adopt()';
  end if;
  if newest.target is null then
    target := pg_current_snapshot();
    after_xid := '0';
    after_seq := 0;
  else
    target := newest.target;
    after_xid := newest.after_xid;
    after_seq := newest.after_seq;
  end if;

  -- A window that turns out complete with an empty page (the last one was exactly full) moves on to the next at once.
  for round in 1 .. 2 loop
    stragglers := array(select x from pg_snapshot_xip(base) x where x >= after_xid and pg_visible_in_snapshot(x, target));
    started := clock_timestamp();
    with part as (
      -- transactions that were open in base and have ended: one probe each, those still open are not touched
      (select o.id, o.xid, o.seq, o.event_type, o.tenant, o.deliver_at, o.created_at, o.payload
       from unnest(stragglers) straggler (xid)
       cross join lateral (
         select i.id, i.xid, i.seq, i.event_type, i.tenant, i.deliver_at, i.created_at, i.payload
         from postrider.outbox i
         where i.xid = straggler.xid and i.seq > case when straggler.xid = after_xid then after_seq else 0 end
         order by i.xid, i.seq
         limit events_max) o
       order by o.xid, o.seq
       limit events_max)
      union all
      -- the rest of the transaction at which the last page stopped; a row comparison would start the index at its beginning
      (select i.id, i.xid, i.seq, i.event_type, i.tenant, i.deliver_at, i.created_at, i.payload
       from postrider.outbox i
       where i.xid = after_xid and i.seq > after_seq and not after_xid = any (stragglers)
       order by i.xid, i.seq
       limit events_max)
      union all
      -- everything from base's xmax on
      (select i.id, i.xid, i.seq, i.event_type, i.tenant, i.deliver_at, i.created_at, i.payload
       from postrider.outbox i
       where i.xid >= pg_snapshot_xmax(base) and i.xid > after_xid and i.xid < pg_snapshot_xmax(target)
         and pg_visible_in_snapshot(i.xid, target)
       order by i.xid, i.seq
       limit events_max)
    ), page as (
      select p.id, p.xid, p.seq, p.event_type, p.tenant, p.deliver_at, p.created_at, p.payload
      from part p
      order by p.xid, p.seq
      limit events_max
    )
    select array_agg(p.id), array_agg(p.event_type), array_agg(p.tenant), array_agg(p.deliver_at), array_agg(p.created_at),
           array_agg(postrider.small_payload(p.payload, payload_bytes_max)), -- large ones are left where they are
           array_agg(p.xid), array_agg(p.seq), count(*)
    into ids, types, tenants, due_times, created_times, payloads, xids, seqs, found_count
    from page p;
    complete := found_count < events_max;
    exit when found_count > 0 or newest.target is null;
    base := target;
    target := pg_current_snapshot();
    after_xid := '0';
    after_seq := 0;
    newest.target := null;
  end loop;

  if found_count = 0 then
    -- Nothing new. The cursor moves on only where standing still has a price: rows of open or aborted transactions, and
    -- stragglers that ended without events, are read again at every poll (22 ms each beside 300,000 uncommitted rows).
    -- Where there are none of them, a long look only says that there are many partitions, and would be as long the next time.
    if clock_timestamp() - started > interval '10 ms'
      or clock_timestamp() - started > interval '1 ms'
        and (cardinality(stragglers) > 0
          or exists (select from pg_snapshot_xip(target) x where x >= pg_snapshot_xmax(base)))
    then
      insert into postrider.claim (base) values (target) returning id into new_claim_id;
      delete from postrider.claim c where c.id = newest.id and cardinality(c.event_ids) = 0;
    end if;
    return query select 'empty', new_claim_id, 0, 0, null::uuid, null::text, null::text, null::text, null::text, null::text,
                        null::uuid;
    return;
  end if;

  -- Routing. One look at the subscriptions for each kind of event, one rule for each endpoint, then one pair for each
  -- event and rule. A rule without a filter needs no look at the payload, and all the filters of an event look once.
  with kind as (
    select distinct e.tenant, e.event_type
    from unnest(tenants, types) e (tenant, event_type)
  ), rule as materialized (
    select k.tenant, k.event_type, s.endpoint_id, s.is_active, s.revision,
           case when bool_and(s.filter is not null) then array_agg(s.filter) end as filters,
           count(*) over (partition by k.tenant, k.event_type) <= fan_out_max as is_narrow
    from kind k
    cross join lateral unnest(postrider.event_type_patterns(k.event_type)) p (pattern)
    -- A look-up for each pattern and endpoint. As joins, planned while there were few rules, they were hashed, and every
    -- rule of the tenant was read for each page for as long as the session lasted.
    cross join lateral (
      select m.endpoint_id, ep.is_active, ep.revision, m.filter
      from postrider.subscription m
      cross join lateral (
        select n.state = 'active' as is_active, n.revision
        from postrider.endpoint n
        where n.id = m.endpoint_id and n.state <> 'disabled'
        offset 0) ep
      where m.tenant = k.tenant and m.event_type = p.pattern
      offset 0) s
    group by k.tenant, k.event_type, s.endpoint_id, s.is_active, s.revision
  )
  select r.tenants, r.types, r.endpoints, r.active, r.narrow, r.filtered, r.revisions,
         f.tenants, f.types, f.endpoints, f.filters
  into rule_tenants, rule_types, rule_endpoints, rule_active, rule_narrow, rule_filtered, rule_revisions,
       filter_tenants, filter_types, filter_endpoints, filters
  from (
    select array_agg(r.tenant) as tenants, array_agg(r.event_type) as types, array_agg(r.endpoint_id) as endpoints,
           array_agg(r.is_active) as active, array_agg(r.is_narrow) as narrow,
           array_agg(r.filters is not null) as filtered, array_agg(r.revision) as revisions
    from rule r) r
  cross join (
    select array_agg(r.tenant) as tenants, array_agg(r.event_type) as types, array_agg(r.endpoint_id) as endpoints,
           array_agg(u.filter) as filters
    from rule r
    cross join lateral unnest(r.filters) u (filter)) f;

  page_count := found_count;
  if cardinality(rule_endpoints) > page_pairs_max / found_count then
    select greatest(1, count(*) filter (where w.pairs <= page_pairs_max)) into page_count
    from (
      select sum(coalesce(k.width, 0)) over (order by e.n) as pairs
      from unnest(tenants, types) with ordinality e (tenant, event_type, n)
      left join (
        select r.tenant, r.event_type, count(*) as width
        from unnest(rule_tenants, rule_types) r (tenant, event_type)
        group by r.tenant, r.event_type) k on k.tenant = e.tenant and k.event_type = e.event_type) w;
  end if;

  if filters is not null and unjudged_endpoints is not null then
    started := clock_timestamp();
    for judged in
      select e.n, e.id, k.endpoint_ids, k.filters
      from unnest(ids, tenants, types) with ordinality e (id, tenant, event_type, n)
      join (
        select f.tenant, f.event_type, array_agg(f.endpoint_id) as endpoint_ids, array_agg(f.filter) as filters
        from unnest(filter_tenants, filter_types, filter_endpoints, filters) f (tenant, event_type, endpoint_id, filter)
        where not exists (
          select from unnest(unjudged_endpoints, unjudged_events) u (endpoint_id, event_id)
          where u.endpoint_id = f.endpoint_id and u.event_id is null)
        group by f.tenant, f.event_type) k on k.tenant = e.tenant and k.event_type = e.event_type
      where e.n <= page_count
      order by e.n
    loop
      if judged.n > 1 and clock_timestamp() - started > page_judging_max then
        page_count := judged.n - 1;
        exit;
      end if;
      if judged.id = any (unjudged_events) then
        select coalesce(array_agg(f.endpoint_id), '{}'), coalesce(array_agg(f.filter), '{}')
        into judged.endpoint_ids, judged.filters
        from unnest(judged.endpoint_ids, judged.filters) f (endpoint_id, filter)
        where not exists (
          select from unnest(unjudged_endpoints, unjudged_events) u (endpoint_id, event_id)
          where u.endpoint_id = f.endpoint_id and u.event_id = judged.id);
      end if;
      select coalesce(array_agg(m.endpoint_id), '{}'), coalesce(array_agg(m.problem), '{}'),
             (array_agg(m.endpoint_id) filter (where m.is_slow))[1]
      into judgement_endpoints, judgement_problems, slow_endpoint
      from postrider.outbox o
      cross join lateral postrider.judge_filters(o.payload, judged.endpoint_ids, judged.filters) m
      where o.id = judged.id;
      if slow_endpoint is not null then
        slow_event := judged.id;
        page_count := judged.n - 1;
        exit;
      end if;
      judged_events := judged_events || array_fill(judged.id, array[cardinality(judgement_endpoints)]);
      judged_endpoints := judged_endpoints || judgement_endpoints;
      judged_problems := judged_problems || judgement_problems;
    end loop;
  end if;

  if page_count = 0 then
    return query select 'slow', null::bigint, 0, 0, slow_event, null::text, null::text, null::text, null::text, null::text,
                        slow_endpoint;
    return;
  end if;
  complete := complete and page_count = found_count;

  with event as (
    select e.id, e.event_type, e.tenant, e.deliver_at, e.n
    from unnest(ids, types, tenants, due_times) with ordinality e (id, event_type, tenant, deliver_at, n)
    where e.n <= page_count
  ), rule as (
    select r.tenant, r.event_type, r.endpoint_id, r.is_active, r.is_narrow, r.is_filtered, r.revision
    from unnest(rule_tenants, rule_types, rule_endpoints, rule_active, rule_narrow, rule_filtered, rule_revisions)
      r (tenant, event_type, endpoint_id, is_active, is_narrow, is_filtered, revision)
  ), judgement as (
    select e.id, r.endpoint_id, 'the filters of this endpoint took too long' as problem
    from event e
    join rule r on r.tenant = e.tenant and r.event_type = e.event_type
    where (unjudged_endpoints is null or cardinality(unjudged_endpoints) > 0)
      and r.is_filtered
      and (unjudged_endpoints is null or exists (
        select from unnest(unjudged_endpoints, unjudged_events) u (endpoint_id, event_id)
        where u.endpoint_id = r.endpoint_id and coalesce(u.event_id, e.id) = e.id))
    union all
    -- one filter that matches is enough, whatever is the matter with another
    select j.event_id, j.endpoint_id, case when not bool_or(j.problem is null) then min(j.problem) end
    from unnest(judged_events, judged_endpoints, judged_problems) j (event_id, endpoint_id, problem)
    group by j.event_id, j.endpoint_id
  ), pair as (
    select e.id, r.endpoint_id, r.revision, e.deliver_at, j.problem,
           case
             when j.problem is not null then 'refused'
             when r.is_active and r.is_narrow and (e.deliver_at is null or e.deliver_at <= now()) then 'express'
             else 'queue'
           end as lane
    from event e
    join rule r on r.tenant = e.tenant and r.event_type = e.event_type
    left join judgement j on j.id = e.id and j.endpoint_id = r.endpoint_id
    where not r.is_filtered or j.id is not null
    order by e.n
  )
  select
    array_agg(p.id) filter (where p.lane = 'express'),
    array_agg(p.endpoint_id) filter (where p.lane = 'express'),
    array_agg(p.revision) filter (where p.lane = 'express'),
    array_agg(p.id) filter (where p.lane = 'queue'),
    array_agg(p.endpoint_id) filter (where p.lane = 'queue'),
    array_agg(p.deliver_at) filter (where p.lane = 'queue'),
    array_agg(p.id) filter (where p.lane = 'refused'),
    array_agg(p.endpoint_id) filter (where p.lane = 'refused'),
    array_agg(p.problem) filter (where p.lane = 'refused')
  into pair_events, pair_endpoints, pair_revisions, queue_events, queue_endpoints, queue_times,
       refused_events, refused_endpoints, refused_reasons
  from pair p;

  express_count := least(coalesce(cardinality(pair_events), 0), pairs_max);
  if queue_events is not null or cardinality(pair_events) > pairs_max then
    insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
    select q.event_id, q.endpoint_id, 'pending', coalesce(q.deliver_at, now())
    from unnest(
      pair_events[express_count + 1:] || queue_events,
      pair_endpoints[express_count + 1:] || queue_endpoints,
      array_fill(null::timestamptz, array[coalesce(cardinality(pair_events), 0) - express_count]) || queue_times
    ) q (event_id, endpoint_id, deliver_at)
    on conflict do nothing; -- a row that somebody has made already stands, and stops no claim
    get diagnostics queued = row_count;
    pair_events := pair_events[1:express_count];
    pair_endpoints := pair_endpoints[1:express_count];
  end if;
  if refused_events is not null then
    insert into postrider.delivery (event_id, endpoint_id, state, finished_at, reason)
    select r.event_id, r.endpoint_id, 'discarded', now(), r.reason
    from unnest(refused_events, refused_endpoints, refused_reasons) r (event_id, endpoint_id, reason)
    on conflict do nothing;
  end if;

  insert into postrider.claim (base, target, after_xid, after_seq, daemon_id, event_ids, endpoint_ids)
  values (
    case when complete then target else base end,
    case when complete then null else target end,
    case when complete then null else xids[page_count] end,
    case when complete then null else seqs[page_count] end,
    claim_events.daemon_id,
    coalesce(pair_events, '{}'),
    coalesce(pair_endpoints, '{}'))
  returning id into new_claim_id;
  delete from postrider.claim c where c.id = newest.id and cardinality(c.event_ids) = 0;

  return query
    select case when complete then 'complete' else 'page' end, new_claim_id, page_count, queued, slow_event,
           null::text, null::text, null::text,
           string_agg(e.endpoint_id::text, ','), string_agg(e.revision::text, ','), slow_endpoint
    from (
      select distinct u.endpoint_id, u.revision
      from unnest(pair_endpoints, pair_revisions[1:express_count]) u (endpoint_id, revision)) e;
  if express_count > 0 then
    return query
      select null::text, null::bigint, null::integer, null::integer, e.id, e.event_type,
             to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.payload, p.endpoint_ids, null::text, null::uuid
      from unnest(ids, types, created_times, payloads) e (id, event_type, created_at, payload)
      join (
        select u.event_id, string_agg(u.endpoint_id::text, ',') as endpoint_ids
        from unnest(pair_events, pair_endpoints) u (event_id, endpoint_id)
        group by u.event_id) p on p.event_id = e.id;
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.close_ingest(name text, run_id uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 DELETE FROM postrider.ingest_position p
   WHERE ((p.name = close_ingest.name) AND (p.run_id = close_ingest.run_id) AND (p.path IS NULL));
 SELECT pg_advisory_unlock(postrider.ingest_lock_key(name)) AS pg_advisory_unlock;
END;

CREATE OR REPLACE FUNCTION postrider.compile_reference(reference text, root jsonb, pointer text, references_followed text[])
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  name constant text := replace(replace(substring(reference from '^#/\$defs/(.*)$'), '~1', '/'), '~0', '~');
begin
  if name = any (references_followed) then
    perform postrider.refuse_schema(pointer, format('refers to the definition that it is part of, %s', to_json(left(name, 60))),
      'A schema that contains itself is not supported: write out as many levels as there are, or leave the innermost open.');
  elsif not coalesce(root -> '$defs' ? name, false) then
    perform postrider.refuse_schema(pointer, format('refers to a definition that is not there, %s', to_json(left(name, 60))),
      postrider.keyword_advice('$ref'));
  end if;
  return postrider.compile_schema(root -> '$defs' -> name, root, '/$defs' || postrider.pointer_step(name), references_followed || name);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.compile_schema(schema jsonb, root jsonb, pointer text, references_followed text[])
 RETURNS jsonb
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- the walk through a payload nests as deeply, and functions of PL/pgSQL can nest some hundred levels
  depth_max constant integer := 32;
  -- references that are written out can double at each step
  compiled_bytes_max constant integer := 131072;
  depth constant integer := coalesce(cardinality(references_followed), 0);
  keyword text;
  argument jsonb;
  problem text;
  part jsonb;
  compiled jsonb := '{}';
begin
  if depth > depth_max then
    perform postrider.refuse_schema(left(pointer, 60), format('is nested deeper than %s levels', depth_max),
      'References that are followed count as levels.');
  elsif jsonb_typeof(schema) = 'boolean' then
    return case when schema = 'true' then '{}' else '{"type": []}' end;
  elsif jsonb_typeof(schema) <> 'object' then
    perform postrider.refuse_schema(pointer, format('is no schema, but of the type %s', jsonb_typeof(schema)), 'A schema is an object, true or false.');
  end if;
  for keyword, argument in select k.key, k.value from jsonb_each(schema) k order by k.key loop
    problem := coalesce(postrider.keyword_problem(keyword, argument),
      case when keyword in ('$defs', '$id') and pointer <> '' then 'is supported at the top of the schema only' end);
    if problem is not null then
      perform postrider.refuse_schema(pointer || postrider.pointer_step(keyword), problem, postrider.keyword_advice(keyword));
    end if;
    part := case
      when keyword in ('properties', '$defs') then (
        select coalesce(jsonb_object_agg(p.key, postrider.compile_schema(p.value, root,
                 pointer || postrider.pointer_step(keyword) || postrider.pointer_step(p.key), references_followed || null::text)), '{}')
        from jsonb_each(argument) p)
      when keyword in ('anyOf', 'allOf') then (
        select jsonb_agg(postrider.compile_schema(s.value, root,
                 pointer || postrider.pointer_step(keyword) || postrider.pointer_step((s.place - 1)::text), references_followed || null::text)
                 order by s.place)
        from jsonb_array_elements(argument) with ordinality s (value, place))
      when keyword in ('items', 'additionalProperties') then
        postrider.compile_schema(argument, root, pointer || postrider.pointer_step(keyword), references_followed || null::text)
      when keyword = '$ref' then
        postrider.compile_reference(argument #>> '{}', root, pointer || postrider.pointer_step(keyword), references_followed)
      when keyword = 'type' and jsonb_typeof(argument) = 'string' then jsonb_build_array(argument)
      when keyword in ('type', 'required', 'enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum',
                       'minLength', 'maxLength', 'minItems', 'maxItems') then argument
      end;
    -- definitions were read for what is wrong with them; they count where they are referred to
    if part is not null and keyword <> '$defs' then
      compiled := compiled || jsonb_build_object(keyword, part);
    end if;
    if pg_column_size(compiled) > compiled_bytes_max then
      perform postrider.refuse_schema(pointer, format('is larger than %s bytes once its references are written out', compiled_bytes_max),
        'Refer to fewer definitions, or leave a branch of the schema open.');
    end if;
  end loop;
  if compiled ?& '{properties,additionalProperties}' then
    -- the names as a list, with which a predicate compares at once
    compiled := compiled || jsonb_build_object('known', (select coalesce(jsonb_agg(k.name), '[]') from jsonb_object_keys(compiled -> 'properties') k (name)));
  end if;
  return compiled;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.conjunction(predicates text[])
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN CASE WHEN (predicates = '{}'::text[]) THEN '(1 == 1)'::text WHEN (array_position(predicates, NULL::text) IS NULL) THEN (('('::text || array_to_string(predicates, ' && '::text)) || ')'::text) ELSE NULL::text END;

CREATE OR REPLACE FUNCTION postrider.copy_problem()
 RETURNS text
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
declare
  home record;
  here record;
  cursor_end xid8;
  now_at constant xid8 := pg_snapshot_xmax(pg_current_snapshot());
  is_claimed boolean;
begin
  select s.system_identifier, s.database_oid, s.home_since into home from postrider.sending s where s.is_row;
  if not found then
    return 'postrider.sending has no row, which would say where daemons have worked';
  end if;
  select p.system_identifier, p.database_oid into here from postrider.present_place() p;
  if home.database_oid is not null and (home.system_identifier, home.database_oid) is distinct from (here.system_identifier, here.database_oid) then
    return format('daemons have worked in the database with oid %s of the cluster %s since %s, and this is the one with oid %s of the cluster %s',
      home.database_oid, coalesce(home.system_identifier::text, '(unknown)'),
      to_char(home.home_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), here.database_oid, coalesce(here.system_identifier::text, '(unknown)'));
  end if;
  select pg_snapshot_xmax(coalesce(c.target, c.base)), pg_snapshot_xmax(c.base) > '1' or c.target is not null into cursor_end, is_claimed
  from postrider.claim c
  order by c.id desc
  limit 1;
  if cursor_end > now_at then
    return format('the cursor over the outbox is at transaction %s, and this server only at %s', cursor_end, now_at);
  end if;
  -- Nobody claims before the home is written down: the claims came from elsewhere, or the home was taken out.
  if home.database_oid is null and is_claimed then
    return format('events were claimed up to transaction %s, and postrider.sending does not say where', cursor_end);
  end if;
  -- Events that this server cannot have written: restored, or replicated into this database after it was adopted.
  if exists (
    select from postrider.outbox o
    where o.xid >= now_at and o.xid is distinct from pg_current_xact_id_if_assigned()
    order by o.xid, o.seq
    limit 1)
  then
    return format('the outbox has events of transactions that this server, at %s, has yet to reach', now_at);
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.count_replay_failures(replay_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
declare
  exhausted_count integer;
  discarded_count integer;
begin
  with failure as (
    delete from postrider.replay_failure f where f.replay_id = count_replay_failures.replay_id returning f.state
  )
  select count(*) filter (where f.state = 'exhausted'), count(*) filter (where f.state = 'discarded')
  into exhausted_count, discarded_count
  from failure f;
  if exhausted_count + discarded_count > 0 then
    update postrider.replay r
    set exhausted = r.exhausted + exhausted_count, discarded = r.discarded + discarded_count
    where r.id = count_replay_failures.replay_id;
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.count_unclaimed(counted_max integer)
 RETURNS TABLE(unclaimed bigint, is_exact boolean, oldest_at timestamp with time zone)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
-- The ranges that postrider.claim_events will read, and in about its order, as far as this snapshot sees them.
declare
  cursor_row record;
  ended xid8[];
begin
  select c.base, c.target, coalesce(c.after_xid, '0') as after_xid, coalesce(c.after_seq, 0) as after_seq into cursor_row
  from postrider.claim c
  order by c.id desc
  limit 1;
  ended := array(
    -- transactions open in base that have ended, but for those that the page has passed already
    select x from pg_snapshot_xip(cursor_row.base) x
    where pg_visible_in_snapshot(x, pg_current_snapshot())
      and (cursor_row.target is null or not pg_visible_in_snapshot(x, cursor_row.target) or x >= cursor_row.after_xid)
    union all
    -- those that the page has passed over, being open in its target
    select x from pg_snapshot_xip(cursor_row.target) x
    where pg_visible_in_snapshot(x, pg_current_snapshot())
      and x >= pg_snapshot_xmax(cursor_row.base) and x <= cursor_row.after_xid);
  return query
    with waiting as (
      (select o.created_at
       from unnest(ended) straggler (xid)
       cross join lateral (
         select i.created_at
         from postrider.outbox i
         where i.xid = straggler.xid
           and i.seq > case when straggler.xid = cursor_row.after_xid then cursor_row.after_seq else 0 end
         order by i.xid, i.seq
         limit counted_max + 1) o)
      union all
      -- the rest of the transaction at which the page stopped
      (select i.created_at
       from postrider.outbox i
       where i.xid = cursor_row.after_xid and i.seq > cursor_row.after_seq and not cursor_row.after_xid = any (ended)
       order by i.xid, i.seq
       limit counted_max + 1)
      union all
      -- everything behind it
      (select i.created_at
       from postrider.outbox i
       where i.xid >= pg_snapshot_xmax(cursor_row.base) and i.xid > cursor_row.after_xid
       order by i.xid, i.seq
       limit counted_max + 1)
      limit counted_max + 1
    )
    select least(count(*), counted_max), count(*) <= counted_max, min(w.created_at)
    from waiting w;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.count_waiting(counted_max integer)
 RETURNS TABLE(endpoint_id uuid, pending bigint, due bigint, is_exact boolean, oldest_at timestamp with time zone)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
-- Reads what waits in the order of delivery_due, a part at a time, and jumps over the rest of an endpoint that has more
-- than is counted: one with millions costs as much as one with counted_max, and many with a few cost their rows alone.
-- A row is read twice at most: the last endpoint of a part that was cut off in it begins the next part. After ten such
-- endpoints a hundredth is counted of each further one, so that a thousand of them are no trouble either.
declare
  share integer := counted_max;
  counted bigint := 0;
  place uuid := '00000000-0000-0000-0000-000000000000';
  endpoint_ids uuid[];
  pending_counts bigint[];
  due_counts bigint[];
  oldest_ids text[];
  whole_count integer;
begin
  loop
    with part as (
      select d.endpoint_id, d.next_attempt_at, d.event_id
      from postrider.delivery d
      where d.state = 'pending' and d.endpoint_id > place
      order by d.endpoint_id, d.next_attempt_at
      limit share + 1
    ), waiting as (
      select p.endpoint_id, count(*) as pending, count(*) filter (where p.next_attempt_at <= now()) as due,
             -- as text: there is no min(uuid) before PostgreSQL 18
             min(p.event_id::text collate "C") filter (where substring(p.event_id::text from 15 for 1) = '7') as oldest_id
      from part p
      group by p.endpoint_id
    )
    select array_agg(w.endpoint_id order by w.endpoint_id), array_agg(w.pending order by w.endpoint_id),
           array_agg(w.due order by w.endpoint_id), array_agg(w.oldest_id order by w.endpoint_id),
           count(*) - case when sum(w.pending) > share then 1 else 0 end, counted + coalesce(sum(w.pending), 0)
    into endpoint_ids, pending_counts, due_counts, oldest_ids, whole_count, counted
    from waiting w;

    return query
      select w.endpoint_id, w.pending, w.due, true, postrider.uuid_v7_time(w.oldest_id::uuid)
      from unnest(endpoint_ids[1:whole_count], pending_counts, due_counts, oldest_ids) w (endpoint_id, pending, due, oldest_id)
      where w.endpoint_id is not null;
    exit when endpoint_ids is null or whole_count = cardinality(endpoint_ids);

    if whole_count = 0 then
      return query
        select endpoint_ids[1], share::bigint, least(due_counts[1], share), false, (
          select postrider.uuid_v7_time(d.event_id)
          from postrider.delivery d
          where d.finished_at is null and d.endpoint_id = endpoint_ids[1] and substring(d.event_id::text from 15 for 1) = '7'
          order by d.event_id
          limit 1);
      whole_count := 1;
    end if;
    place := endpoint_ids[whole_count];
    if counted > 10 * counted_max then
      share := greatest(1, counted_max / 100);
    end if;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.create_capture_trigger(statement text, search_path text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  -- from here on everything is named in full; the function's own setting ends with it
  perform pg_catalog.set_config('search_path', search_path, true);
  execute statement;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.create_endpoint(url text, event_types text[] DEFAULT '{*}'::text[], tenant text DEFAULT ''::text, options jsonb DEFAULT '{}'::jsonb, OUT endpoint_id uuid, OUT secret text)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  known constant text[] := '{format,timeout_ms,retry_schedule,headers,disable_after}';
  given_tenant constant text := coalesce(tenant, '');
  unknown text;
  read_option text;
  timeout_ms integer;
  retry_schedule interval[];
  disable_after interval;
begin
  if jsonb_typeof(options) is distinct from 'object' then
    raise exception 'options is no JSON object'
      using errcode = 'invalid_parameter_value', hint = format('Give an object with any of: %s.', array_to_string(known, ', '));
  end if;
  select k into unknown from jsonb_object_keys(options) k where k <> all (known) limit 1;
  if found then
    raise exception 'there is no endpoint option %', quote_literal(unknown)
      using errcode = 'invalid_parameter_value', hint = format('The options are: %s.', array_to_string(known, ', '));
  end if;
  if event_types is null or array_position(event_types, null) is not null then
    raise exception 'event_types is null or holds a null'
      using errcode = 'null_value_not_allowed', hint = 'Give the types the endpoint is to get, such as array[''order.*'']; an empty array for none yet.';
  end if;

  begin
    read_option := 'timeout_ms';
    timeout_ms := coalesce((options ->> 'timeout_ms')::integer, 15000);
    read_option := 'retry_schedule';
    retry_schedule := case when options ? 'retry_schedule'
      then array(select s.step::interval from jsonb_array_elements_text(options -> 'retry_schedule') with ordinality s (step, n) order by s.n)
      else '{5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h}' end;
    read_option := 'disable_after';
    -- null is never
    disable_after := case when options ? 'disable_after' then (options ->> 'disable_after')::interval else '5 days' end;
  exception when data_exception then
    raise exception 'the option % cannot be %', read_option, options -> read_option
      using errcode = 'invalid_parameter_value', detail = sqlerrm,
        hint = case read_option
          when 'timeout_ms' then 'Give a whole number of milliseconds, such as 15000.'
          when 'retry_schedule' then 'Give a list of intervals, such as ["5 s", "5 min", "2 h"]; an empty one for no retries.'
          else 'Give an interval, such as "5 days"; null for never.' end;
  end;

  endpoint_id := postrider.uuid_v7();
  perform postrider.begin_action('create_endpoint', endpoint_id,
    jsonb_build_object('url', postrider.url_without_secrets(url), 'event_types', event_types, 'tenant', given_tenant, 'options', options - 'headers'));
  insert into postrider.endpoint as e (id, tenant, url, format, timeout_ms, retry_schedule, headers, disable_after)
  values (endpoint_id, given_tenant, url, coalesce(options ->> 'format', 'standard'), timeout_ms, retry_schedule,
          coalesce(options -> 'headers', '{}'), disable_after);
  secret := postrider.new_secret();
  insert into postrider.endpoint_secret (endpoint_id, secret) values (endpoint_id, secret);
  insert into postrider.subscription (endpoint_id, event_type)
  select endpoint_id, t.event_type from unnest(event_types) t (event_type);
  perform postrider.end_action();
end
$function$;

CREATE OR REPLACE FUNCTION postrider.define_event_type(name text, description text DEFAULT NULL::text, json_schema jsonb DEFAULT NULL::jsonb, enforce boolean DEFAULT false, deprecated boolean DEFAULT false)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
begin
  if define_event_type.name is null or define_event_type.name !~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$' or length(define_event_type.name) > 255
    or define_event_type.name ~ '^postrider\.'
  then
    raise exception 'cannot define the event type %', coalesce(to_json(left(define_event_type.name, 300))::text, 'null')
      using errcode = 'invalid_parameter_value',
        hint = 'An event type is dotted words of letters, digits and underscores, at most 255 long. Those that begin with postrider. are Postrider''s own.';
  elsif define_event_type.enforce and define_event_type.json_schema is null then
    raise exception 'cannot enforce the event type %: it has no schema', define_event_type.name
      using errcode = 'invalid_parameter_value', hint = 'Give json_schema. A definition is stated in full each time, and replaces what was.';
  end if;
  perform postrider.begin_action('define_event_type', null, jsonb_build_object('name', define_event_type.name));
  insert into postrider.event_type as t (name, description, json_schema, enforce, deprecated)
  values (define_event_type.name, define_event_type.description, define_event_type.json_schema,
          coalesce(define_event_type.enforce, false), coalesce(define_event_type.deprecated, false))
  on conflict on constraint event_type_pkey do update
  set description = excluded.description, json_schema = excluded.json_schema, enforce = excluded.enforce, deprecated = excluded.deprecated;
  perform postrider.end_action();
end
$function$;

CREATE OR REPLACE FUNCTION postrider.delete_records(before timestamp with time zone)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  rows_max constant integer := 1000;
  -- who did what is asked long after what it was done to is gone
  audit_kept constant interval := '1 year';
  deleted bigint;
  count bigint;
begin
  delete from postrider.audit a
  where a.id in (
    select o.id from postrider.audit o
    where o.id < postrider.uuid_v7_floor(least(delete_records.before, now() - audit_kept))
    order by o.id
    limit rows_max);
  get diagnostics deleted = row_count;
  delete from postrider.replay r
  where r.id in (
    select o.id from postrider.replay o
    where o.finished_at < delete_records.before
    order by o.id
    limit rows_max);
  get diagnostics count = row_count;
  return deleted + count;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.delete_strays(before date)
 RETURNS bigint
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET enable_seqscan TO 'off'
AS $function$
-- Of the default partitions only rows that nobody needs any more are deleted, so many a step: there is no end to what
-- may be in them.
declare
  rows_max constant integer := 1000;
  bound constant uuid := postrider.uuid_v7_floor(before::timestamp at time zone 'UTC');
  -- Ids that somebody made up lie anywhere; those that begin a time to come have the day of their insertion.
  ahead constant uuid := postrider.uuid_v7_floor(now() + interval '1 day');
  base pg_snapshot;
  ids uuid[];
  deleted bigint := 0;
  count bigint;
begin
  if exists (select from postrider.replay r where r.state = 'preparing') then
    return 0; -- it may be on its way to these
  end if;
  select c.base into strict base from postrider.claim c order by c.id desc limit 1;
  ids := array(
    select o.id
    from postrider.outbox_default o
    where (o.id < bound or o.id >= ahead and o.created_at < before::timestamp at time zone 'UTC')
      and pg_visible_in_snapshot(o.xid, base)
      and not exists (select from postrider.delivery d where d.event_id = o.id and d.finished_at is null)
      and not exists (select from postrider.claim c where o.id = any (c.event_ids))
    order by o.id
    limit rows_max
    for update of o skip locked);
  if cardinality(ids) > 0 then
    delete from postrider.idempotency_key k where k.event_id = any (ids);
    delete from postrider.cancellation c where c.event_id = any (ids);
    delete from postrider.attempt a
    where a.event_id = any (ids) and a.event_id between ids[1] and ids[cardinality(ids)];
    delete from postrider.delivery d
    where d.event_id = any (ids) and d.event_id between ids[1] and ids[cardinality(ids)] and d.finished_at is not null;
    delete from postrider.outbox_default o
    where o.id = any (ids) and not exists (select from postrider.delivery d where d.event_id = o.id);
    get diagnostics deleted = row_count;
  end if;

  -- of events that are gone: what a daemon recorded after their end, or of a day that was whole in the outbox alone
  delete from postrider.delivery_default d
  where (d.event_id, d.endpoint_id) in (
    select e.event_id, e.endpoint_id
    from postrider.delivery_default e
    where (e.event_id < bound or e.event_id >= ahead and e.created_at < before::timestamp at time zone 'UTC')
      and e.finished_at is not null
      and not exists (select from postrider.outbox o where o.id = e.event_id)
      and not exists (select from postrider.claim c where e.event_id = any (c.event_ids))
    order by e.event_id, e.endpoint_id
    limit rows_max)
    and d.finished_at is not null;
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.attempt_default a
  where (a.event_id, a.endpoint_id, a.id) in (
    select e.event_id, e.endpoint_id, e.id
    from postrider.attempt_default e
    where (e.event_id < bound or e.event_id >= ahead and e.started_at < before::timestamp at time zone 'UTC')
      and not exists (select from postrider.outbox o where o.id = e.event_id)
      and not exists (select from postrider.delivery d where d.event_id = e.event_id and d.endpoint_id = e.endpoint_id)
    order by e.event_id, e.endpoint_id, e.id
    limit rows_max);
  get diagnostics count = row_count;
  return deleted + count;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.disable_endpoint(id uuid, reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform postrider.set_endpoint_state(disable_endpoint.id, 'disabled', disable_endpoint.reason, 'disable_endpoint');
end
$function$;

CREATE OR REPLACE FUNCTION postrider.discard_deliveries(endpoint_id uuid, reason text, deliveries_max integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
declare
  discarded_count integer;
begin
  with waiting as (
    select d.event_id, d.endpoint_id
    from postrider.delivery d
    where d.endpoint_id = discard_deliveries.endpoint_id and d.state = 'pending'
      -- an attempt under way is left to its end: whoever records it finds the endpoint gone
      and (d.lease_expires_at is null or d.lease_expires_at <= now())
    order by d.next_attempt_at
    limit deliveries_max
    for update skip locked
  )
  update postrider.delivery d
  set state = 'discarded', reason = discard_deliveries.reason, finished_at = now(),
      next_attempt_at = null, leased_by = null, lease_expires_at = null
  from waiting
  where d.event_id between waiting.event_id and waiting.event_id and d.endpoint_id = waiting.endpoint_id;
  get diagnostics discarded_count = row_count;
  return discarded_count;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.discard_reason(endpoint_state text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (endpoint_state IS NULL) THEN 'the endpoint was deleted'::text ELSE 'the endpoint is disabled'::text END;

CREATE OR REPLACE FUNCTION postrider.drop_capture(table_name regclass, event_type text)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  captured record;
  was_captured boolean := false;
begin
  for captured in
    select t.tgname from pg_trigger t
    where t.tgrelid = table_name and not t.tgisinternal and t.tgparentid = 0
      and t.tgname ~ '^postrider_(insert|update|delete|truncate)_' and t.tgnargs = 6
      and (postrider.trigger_arguments(t.tgargs))[1] = event_type
  loop
    execute format('drop trigger %I on %s', captured.tgname, table_name);
    was_captured := true;
  end loop;
  -- Those whose triggers are gone: with uncapture now, or with their tables at any time.
  for captured in
    select p.oid::regprocedure as signature from pg_proc p
    where p.pronamespace = (select c.relnamespace from pg_class c where c.oid = table_name)
      and p.proname ~ '^postrider_capture_' and p.prorettype = 'trigger'::regtype
      and obj_description(p.oid, 'pg_proc') ~ '^Made by postrider\.capture'
      and pg_has_role(current_user, p.proowner, 'usage')
      and not exists (select from pg_trigger t where t.tgfoid = p.oid)
  loop
    execute format('drop function %s', captured.signature);
  end loop;
  return was_captured;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.drop_days(before date)
 RETURNS TABLE(outcome text, subject text)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
AS $function$
declare
  keys_max constant integer := 5000;
  past record;
  lower_bound uuid;
  upper_bound uuid;
  part text;
  has_rows boolean;
  deleted bigint;
  is_busy boolean := false;
  is_blocked boolean := false;
begin
  for past in
    -- kept as text until the default partitions are out
    select to_date(d.day, 'YYYYMMDD') as day, array_agg(d.name order by d.n) as parts, array_agg(d.parent order by d.n) as parents
    from (
      select c.relname as name, p.name as parent, p.n, right(c.relname, 8) as day
      from unnest(array['outbox', 'delivery', 'attempt']) with ordinality p (name, n)
      join pg_inherits i on i.inhparent = format('postrider.%I', p.name)::regclass
      join pg_class c on c.oid = i.inhrelid and c.relname ~ ('^' || p.name || '_[0-9]{8}$')) d
    where d.day < to_char(before, 'YYYYMMDD')
    group by d.day
    order by d.day
  loop
    begin
      subject := to_char(past.day, 'YYYY-MM-DD');
      lower_bound := postrider.uuid_v7_floor(past.day::timestamp at time zone 'UTC');
      upper_bound := postrider.uuid_v7_floor((past.day + 1)::timestamp at time zone 'UTC');
      has_rows := false;
      foreach part in array past.parts loop
        execute format('select $1 or exists (select from postrider.%I)', part) into has_rows using has_rows;
      end loop;
      if has_rows then
        continue when postrider.is_needed(lower_bound, upper_bound);
        delete from postrider.idempotency_key k
        where k.event_id in (
          select e.event_id from postrider.idempotency_key e
          where e.event_id >= lower_bound and e.event_id < upper_bound
          order by e.event_id
          limit keys_max);
        get diagnostics deleted = row_count;
        if deleted > 0 then
          outcome := 'deleted';
          subject := format('%s idempotency keys of %s', deleted, past.day);
          return next;
          return;
        end if;
        foreach part in array past.parts loop
          execute format('lock table postrider.%I in access exclusive mode', part);
        end loop;
        -- Nobody has anything in these that is not committed, and what was committed is seen from here on.
        if postrider.is_needed(lower_bound, upper_bound) then
          raise lock_not_available;
        end if;
        foreach part in array past.parts loop
          execute format('truncate postrider.%I', part);
        end loop;
        delete from postrider.cancellation c where c.event_id >= lower_bound and c.event_id < upper_bound;
        insert into postrider.audit (action, detail) values ('maintain', jsonb_build_object('emptied', past.day));
        outcome := 'emptied';
      elsif is_blocked then
        continue;
      else
        subject := past.parts[1];
        execute format('lock table only postrider.%I in access exclusive mode', past.parents[1]);
        execute format('lock table postrider.%I in access exclusive mode', subject);
        execute format('select exists (select from postrider.%I)', subject) into has_rows;
        if has_rows then
          raise lock_not_available;
        end if;
        execute format('drop table postrider.%I', subject);
        outcome := 'dropped';
      end if;
      return next;
      return;
    exception
      when lock_not_available then
        is_busy := true;
        -- another try at a parent would hold up the inserts once more
        is_blocked := is_blocked or not has_rows;
    end;
  end loop;
  if is_busy then
    outcome := 'busy';
    return next;
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.drop_event_type(name text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  meant text;
begin
  perform postrider.begin_action('drop_event_type', null, jsonb_build_object('name', drop_event_type.name));
  delete from postrider.event_type t where t.name = drop_event_type.name;
  if not found then
    meant := postrider.nearest_event_type(drop_event_type.name);
    raise exception 'there is no event type % in the catalogue', coalesce(to_json(left(drop_event_type.name, 300))::text, 'null')
      using errcode = 'no_data_found',
        hint = concat_ws(' ', 'Did you mean ' || meant || '?', 'select name from postrider.event_type lists them.');
  end if;
  perform postrider.end_action();
end
$function$;

CREATE OR REPLACE FUNCTION postrider.elements_problem(checks jsonb, whole jsonb, pointer text, INOUT steps_left integer, OUT problem text)
 RETURNS record
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
declare
  walked record;
begin
  -- By place: as a set the elements would be written down before the first is looked at.
  for place in 0 .. jsonb_array_length(whole) - 1 loop
    walked := postrider.payload_problem(checks, whole -> place, pointer || '/' || place, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.empty_claims(daemon_id uuid, claims bigint[])
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 DELETE FROM postrider.claim c
   WHERE ((c.id = ANY (empty_claims.claims)) AND (c.daemon_id = empty_claims.daemon_id) AND (c.id < ( SELECT max(n.id) AS max
            FROM postrider.claim n)) AND postrider.is_recorded(c.event_ids, c.endpoint_ids));
 UPDATE postrider.claim SET event_ids = '{}'::uuid[], endpoint_ids = '{}'::uuid[], xid = DEFAULT
   WHERE ((claim.id = ANY (empty_claims.claims)) AND (claim.daemon_id = empty_claims.daemon_id) AND postrider.is_recorded(claim.event_ids, claim.endpoint_ids));
END;

CREATE OR REPLACE FUNCTION postrider.enable_endpoint(id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform postrider.set_endpoint_state(enable_endpoint.id, 'active', null, 'enable_endpoint');
end
$function$;

CREATE OR REPLACE FUNCTION postrider.end_action()
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT set_config('postrider.audit_id'::text, ''::text, true) AS set_config;
END;

CREATE OR REPLACE FUNCTION postrider.end_replay(replay_id uuid, reason text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
-- More than pending_max is never pending of a replay, so that what is left is in flight, or locked. Called again by the
-- daemons until nothing is.
declare
  pending_max constant integer := 10000;
  restored_count integer;
begin
  update postrider.replay r set state = 'cancelled', reason = end_replay.reason where r.id = end_replay.replay_id;
  restored_count := postrider.withdraw_replayed(end_replay.replay_id, pending_max);
  update postrider.replay r
  set restored = r.restored + restored_count,
      next_step_at = clock_timestamp() + interval '500 ms',
      finished_at = case when not exists (
        select from postrider.delivery d where d.replay_id = r.id and d.state = 'pending') then clock_timestamp() end
  where r.id = end_replay.replay_id;
  perform postrider.count_replay_failures(end_replay.replay_id);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.end_replays()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  unfinished uuid;
begin
  for unfinished in
    select r.id from postrider.replay r
    where r.endpoint_id = old.id and r.state in ('preparing', 'delivering')
    order by r.id
  loop
    perform postrider.end_replay(unfinished, postrider.discard_reason(case when tg_op = 'UPDATE' then new.state end));
  end loop;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.endpoint_audit()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- what triggers fill in is no news
  ours constant text[] := '{revision,updated_at,state_changed_at,shown_url}';
  old_row jsonb;
  new_row jsonb;
begin
  if tg_op <> 'INSERT' then
    old_row := (to_jsonb(old) - ours) || jsonb_build_object('headers', old.headers);
  end if;
  if tg_op <> 'DELETE' then
    new_row := (to_jsonb(new) - ours) || jsonb_build_object('headers', new.headers);
  end if;
  if tg_op = 'UPDATE' then
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key) into old_row, new_row
    from jsonb_each(old_row) o (key, value)
    where o.value is distinct from new_row -> o.key;
    if old_row is null then
      return null;
    end if;
  end if;
  if old_row ? 'headers' then
    old_row := jsonb_set(old_row, '{headers}', postrider.masked_headers(old_row -> 'headers'));
  end if;
  if new_row ? 'headers' then
    new_row := jsonb_set(new_row, '{headers}',
      postrider.masked_headers(new.headers, case when tg_op = 'UPDATE' then old.headers end));
  end if;
  if tg_op = 'DELETE' then
    old_row := old_row || jsonb_build_object('subscriptions', (
      select coalesce(jsonb_agg(to_jsonb(s) - '{endpoint_id,tenant}'::text[] order by s.id), '[]')
      from postrider.subscription s
      where s.endpoint_id = old.id));
  end if;
  if old_row ? 'url' then
    old_row := jsonb_set(old_row, '{url}', to_jsonb(old.shown_url || case when old.url <> old.shown_url then '?...' else '' end));
  end if;
  if new_row ? 'url' then
    new_row := jsonb_set(new_row, '{url}', to_jsonb(new.shown_url || case when new.url <> new.shown_url then '?...' else '' end));
  end if;
  perform postrider.note_change(
    lower(tg_op) || ' endpoint', case when tg_op = 'DELETE' then old.id else new.id end, null, old_row, new_row);
  return case when tg_op = 'DELETE' then old end;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.endpoint_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
-- Up to 10,000 pending deliveries are discarded here, so that whoever disables an endpoint sees it at once; daemons
-- discard the rest in small steps, since one statement over millions would hold its locks for minutes.
begin
  if tg_op = 'DELETE' then
    perform postrider.discard_deliveries(old.id, 'the endpoint was deleted', 10000);
  elsif new.state = 'disabled' then
    perform postrider.discard_deliveries(new.id, coalesce('the endpoint is disabled: ' || new.state_reason, 'the endpoint is disabled'), 10000);
  else
    perform postrider.notify_daemons();
  end if;
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.endpoint_changing()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  new.revision := old.revision + 1;
  new.updated_at := clock_timestamp();
  if new.state is distinct from old.state then
    new.state_changed_at := clock_timestamp();
    if new.state = 'active' then
      new.state_reason := null;
    end if;
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.endpoint_judging()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
-- Where Postgres refuses a row by a check, the error shows the whole row, and the server's log keeps it: the values of the
-- headers, the query of the URL. So all of them are asked here first; a test holds
-- the two together. As a query over pg_constraint it took 1.6 ms an endpoint.
declare
  problem constant text := postrider.header_problem(new.headers);
  broken_check text;
  missing_column text;
begin
  if problem is not null then
    raise exception '%', problem
      using errcode = 'check_violation', constraint = 'headers are names and texts that HTTP allows',
        schema = 'postrider', table = 'endpoint', column = 'headers',
        hint = 'headers is an object of names and texts, such as {"authorization": "Bearer ..."}.';
  end if;
  if new.url ~* '^https?://[^/?#]*@' then
    raise exception 'the url has a user or a password in it'
      using errcode = 'check_violation', constraint = 'url has no user and no password',
        schema = 'postrider', table = 'endpoint', column = 'url',
        hint = 'Everybody who may look at an endpoint would see it. Put it into headers, as authorization.';
  end if;
  missing_column := case
    when new.id is null then 'id' when new.tenant is null then 'tenant' when new.url is null then 'url'
    when new.format is null then 'format' when new.timeout_ms is null then 'timeout_ms'
    when new.retry_schedule is null then 'retry_schedule' when new.headers is null then 'headers'
    when new.state is null then 'state' when new.state_changed_at is null then 'state_changed_at'
    when new.revision is null then 'revision' when new.created_at is null then 'created_at'
    when new.updated_at is null then 'updated_at' end;
  broken_check := case
    when not new.disable_after between interval '1 minute' and interval '1 year' then 'disable_after is between 1 minute and 1 year'
    when new.format not in ('standard', 'raw') then 'format is standard or raw'
    when jsonb_typeof(new.headers) <> 'object' then 'headers is a JSON object'
    when cardinality(new.retry_schedule) > 50 or not postrider.are_retry_waits(new.retry_schedule)
      then 'retry_schedule has at most 50 steps of 1 ms to 30 days'
    when new.state not in ('active', 'paused', 'disabled') then 'state is active, paused or disabled'
    when length(new.tenant) > 255 then 'tenant has at most 255 characters'
    when new.timeout_ms not between 100 and 120000 then 'timeout_ms is between 100 and 120000'
    when new.url !~* '^https?://[^[:space:][:cntrl:]]+$' or length(new.url) > 2048
      then 'url is http or https, without blanks, at most 2048 long'
    when new.url ~ '[#\\]' then 'url has no fragment and no backslash'
    when new.url !~* '^https?://(\[[0-9a-f:.]+\]|[^][/?#:@\\]+)(:0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#\\]|$)'
      then 'url has a host, and if any a port of 1 to 65535' end;
  if missing_column is not null then
    raise exception 'null value in column "%" of relation "endpoint" violates not-null constraint', missing_column
      using errcode = 'not_null_violation', schema = 'postrider', table = 'endpoint', column = missing_column;
  end if;
  if broken_check is not null then
    raise exception 'new row for relation "endpoint" violates check constraint "%"', broken_check
      using errcode = 'check_violation', constraint = broken_check, schema = 'postrider', table = 'endpoint';
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.endpoint_secret_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  -- the trigger on endpoint counts the revision up
  update postrider.endpoint set updated_at = clock_timestamp() where id in (new.endpoint_id, old.endpoint_id);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.endpoint_secret_changing()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  secrets_max constant integer := 10;
  tries_max constant integer := 50;
  pause_seconds constant double precision := 0.01;
  others integer;
  is_locked boolean := false;
begin
  if tg_op = 'INSERT' then
    -- first of all: the check of the foreign key would lock the endpoint too weakly for what follows
    perform from postrider.endpoint e where e.id = new.endpoint_id for no key update;
  else
    -- The secret's row is locked by now, and whoever has the endpoint's may want it.
    for try in 1 .. tries_max loop
      perform from postrider.endpoint e where e.id = old.endpoint_id for no key update skip locked;
      is_locked := found or not exists (select from postrider.endpoint e where e.id = old.endpoint_id);
      exit when is_locked;
      perform pg_sleep(pause_seconds);
    end loop;
    if not is_locked then
      raise exception 'somebody else is changing endpoint %', old.endpoint_id
        using errcode = 'lock_not_available', detail = 'A change of its secrets is a change of the endpoint too.',
          hint = 'Try again when that transaction has ended; postrider.rotate_secret waits for it.';
    end if;
    if tg_op = 'DELETE' then
      return old;
    end if;
  end if;
  if new.expires_at is null or new.expires_at > now() then
    select count(*) into others
    from postrider.endpoint_secret s
    where s.endpoint_id = new.endpoint_id and s.id <> new.id and (s.expires_at is null or s.expires_at > now());
    if others >= secrets_max then
      raise exception 'endpoint % has % secrets in force already', new.endpoint_id, others
        using errcode = 'program_limit_exceeded',
          detail = 'Each of them signs every request, in a header that receivers read up to some length.',
          hint = 'Wait until one expires, or let one: update postrider.endpoint_secret set expires_at = now() where id = ....';
    end if;
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.equality_predicate(options jsonb, place text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN (SELECT CASE WHEN bool_or((k.kind = ANY (ARRAY['object'::text, 'array'::text]))) THEN NULL::text WHEN postrider.is_listed(equality_predicate.options) THEN (('('::text || CASE WHEN bool_or((k.kind = 'null'::text)) THEN '@ == null || '::text ELSE ''::text END) || format('@.type() == "%s" && @ == %s[*])'::text, max(k.kind) FILTER (WHERE (k.kind <> 'null'::text)), equality_predicate.place)) WHEN (sum(k.members) <= (500)::numeric) THEN (('('::text || string_agg(format('(@.type() == "%s" && (%s))'::text, k.kind, k.equalities), ' || '::text)) || ')'::text) ELSE NULL::text END AS "case" FROM (SELECT jsonb_typeof(o.value) AS kind, count(*) AS members, string_agg(format('@ == %s'::text, o.value), ' || '::text) AS equalities FROM jsonb_array_elements(equality_predicate.options) o(value) GROUP BY (jsonb_typeof(o.value))) k);

CREATE OR REPLACE FUNCTION postrider.event_type_audit()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  ours constant text[] := '{checks,predicate,value_steps,object_steps,byte_steps,created_at,updated_at,changed_at,only_row}';
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - ours end;
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - ours end;
begin
  if old_row = new_row then
    return null;
  elsif tg_op = 'UPDATE' then
    -- the name stays, to say what it was about
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key) into old_row, new_row
    from jsonb_each(old_row) o
    where o.key = 'name' or o.value <> new_row -> o.key;
  end if;
  perform postrider.note_change(format('%s %s', lower(tg_op), tg_table_name), null, null, old_row, new_row);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.event_type_changing()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  schema_bytes_max constant integer := 65536;
  -- of a path that is longer, reading it costs more than the walk
  predicate_chars_max constant integer := 262144;
  predicate text;
  problem text;
  advice text;
begin
  new.updated_at := clock_timestamp();
  new.checks := null;
  new.predicate := null;
  new.value_steps := null;
  new.object_steps := null;
  new.byte_steps := null;
  if new.json_schema is null then
    return new;
  elsif octet_length(new.json_schema::text) > schema_bytes_max then
    perform postrider.refuse_schema('', format('has %s bytes', octet_length(new.json_schema::text)), format('At most %s are taken.', schema_bytes_max));
  elsif jsonb_path_exists(new.json_schema, 'strict $.**{128}') then
    -- Whoever reads it calls himself for each level: at some thousands those break.
    perform postrider.refuse_schema('', 'is nested deeper than 128 levels of JSON', 'What stands in default, examples, enum and const counts here, too.');
  end if;
  new.checks := postrider.compile_schema(new.json_schema, new.json_schema, '', '{}');
  predicate := postrider.schema_predicate(new.checks, '$');
  if length(predicate) <= predicate_chars_max then
    new.predicate := ('strict $ ? ' || predicate)::jsonpath;
    select s.value_steps, s.object_steps, s.byte_steps into new.value_steps, new.object_steps, new.byte_steps
    from postrider.predicate_steps(new.checks) s;
  end if;
  return new;
exception
  when invalid_parameter_value then
    get stacked diagnostics problem = message_text, advice = pg_exception_hint;
    raise exception 'cannot define the event type %: %', to_json(left(new.name, 255)), problem
      using errcode = 'invalid_parameter_value', hint = advice;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.event_type_patterns(event_type text)
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  patterns text[] := array[event_type];
  words text[] := string_to_array(event_type, '.');
begin
  for length in 1 .. cardinality(words) - 1 loop
    patterns := patterns || (array_to_string(words[1:length], '.') || '.*');
  end loop;
  if words[1] <> 'postrider' then
    patterns := patterns || '*'::text;
  end if;
  return patterns;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.explain_event(event_id uuid)
 RETURNS TABLE(endpoint_id uuid, url text, endpoint_state text, outcome text, explanation text, would_match_now boolean, now_explanation text)
 LANGUAGE plpgsql
 STABLE SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
-- What happened comes from the deliveries, which stay; why something did not happen can only be told from what is there
-- now, so both are given: the subscriptions may have changed since the claim, and the audit knows when.
declare
  event record;
  claimed boolean;
  daemons integer;
  -- why no daemon sends anything at all; null where they may
  stop text;
begin
  select o.id, o.xid, o.seq, o.event_type, o.tenant, o.payload, o.created_at into event
  from postrider.outbox o
  where o.id = explain_event.event_id;
  if not found then
    raise exception 'there is no event %', coalesce(explain_event.event_id::text, 'null')
      using errcode = 'no_data_found',
        hint = 'The transaction that inserts it may be open still, or was rolled back; or the event is past its retention.';
  end if;
  claimed := coalesce(postrider.is_claimed(event.xid, event.seq), false);
  select count(*) into daemons from postrider.daemon d where d.lease_expires_at > now();
  select case when not s.is_on then format('sending is switched off by %s, %s%s', s.changed_by, postrider.shown_time(s.changed_at), coalesce(': ' || s.reason, ''))
              when postrider.copy_problem() is not null then 'this database is a copy that was not adopted' end
  into stop
  from postrider.sending s
  where s.is_row;

  return query
    with known as (
      select e.id, e.url, e.state, e.state_reason, e.state_changed_at, e.created_at, e.tenant
      from postrider.endpoint e
      where e.tenant = event.tenant
    ), status as (
      select d.endpoint_id, d.state, d.detail, d.reason, d.attempts, d.last_http_status, d.last_error, d.next_attempt_at, d.finished_at
      from postrider.delivery_status d
      where d.event_id = explain_event.event_id
    ), met as (
      select coalesce(k.id, s.endpoint_id) as id, k.url, coalesce(k.state, o.state, 'deleted') as state, k.state_reason,
             k.state_changed_at, k.created_at, k.tenant,
             s.state as delivery_state, s.detail, s.reason, s.attempts, s.last_error, s.next_attempt_at, s.finished_at,
             coalesce(k.url, o.url) as any_url,
             case
               when k.id is null and o.id is not null then format('the endpoint has moved to the tenant %L', o.tenant)
               when k.id is null then 'the endpoint was deleted'
               when k.state = 'disabled' then
                 format('the endpoint is disabled since %s%s', postrider.shown_time(k.state_changed_at), coalesce(': ' || k.state_reason, ''))
               else postrider.explain_match(event.event_type, event.payload, k.id)
             end as obstacle,
             (select format('%s by %s, %s', a.action, a.actor, postrider.shown_time(a.at))
              from postrider.audit a
              where a.endpoint_id = k.id and a.event_id is null and a.at > event.created_at
              order by a.at desc
              limit 1) as changed
      from known k
      full join status s on s.endpoint_id = k.id
      left join postrider.endpoint o on o.id = s.endpoint_id
    )
    select m.id, m.any_url, m.state,
           case when m.delivery_state is not null then m.detail when claimed then 'not matched' else 'not claimed' end,
           case
             when m.delivery_state = 'succeeded' then
               format('delivered %s, with attempt %s', postrider.shown_time(m.finished_at), m.attempts)
             when m.delivery_state = 'exhausted' then
               format('the retry schedule was used up %s, after %s attempts; the last one: %s', postrider.shown_time(m.finished_at), m.attempts, m.last_error)
             when m.delivery_state = 'discarded' then
               format('discarded %s, after %s attempts: %s', postrider.shown_time(m.finished_at), m.attempts, m.reason)
             when m.detail = 'cancelled' then 'cancelled while an attempt is under way: no other one follows it'
             when m.detail = 'in flight' then format('attempt %s is under way', m.attempts + 1)
             when m.detail = 'paused' then
               format('waits, for the endpoint is paused since %s%s', postrider.shown_time(m.state_changed_at), coalesce(': ' || m.state_reason, ''))
             when m.detail in ('retrying', 'scheduled', 'deferred') and stop is not null then 'waits, for ' || stop
             when m.detail = 'retrying' then
               format('%s attempts failed, the last one: %s; the next one is due %s', m.attempts, m.last_error, postrider.shown_time(m.next_attempt_at))
             when m.detail = 'scheduled' then format('its first attempt is due %s', postrider.shown_time(m.next_attempt_at))
             when m.detail = 'deferred' then
               case when daemons > 0 then 'due, and waits for a daemon to have room for it' else 'due, and no daemon is alive to send it' end
             when not claimed and stop is not null then 'no daemon has claimed the event yet, for ' || stop
             when not claimed and daemons = 0 then 'no daemon has claimed the event yet, and none is alive'
             when not claimed then 'no daemon has claimed the event yet: that follows the commit by milliseconds, or by the backlog before it'
             when m.obstacle is not null then m.obstacle
             when m.created_at > event.created_at then
               format('the endpoint was made %s, after the event: an event goes to the subscriptions that are there when it is claimed', postrider.shown_time(m.created_at))
             else 'it matches now and did not when it was claimed: endpoint or subscriptions were changed since, or a row was deleted by hand'
           end || case
             when m.delivery_state is null and claimed and m.changed is not null
               then format('; the last change since the event: %s (postrider.audit)', m.changed) else '' end,
           m.obstacle is null,
           coalesce(m.obstacle, case when m.state = 'paused' then 'would wait, for the endpoint is paused' else 'would be sent' end)
    from met m
    order by m.delivery_state is null, m.id;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.explain_filter(payload json, filter jsonpath)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  answer boolean;
begin
  answer := payload::jsonb @@ filter;
  return case
    when answer then null
    when not answer then format('the filter %s is false', filter)
    else format('the filter %s has no answer, which is no match: a member that is not there, or values that cannot be compared', filter)
  end;
exception when others then
  if left(sqlstate, 2) in ('53', '57', '58') then
    raise;
  end if;
  return format('the filter %s cannot be applied to the payload: %s', filter, sqlerrm);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.explain_match(event_type text, payload json, endpoint_id uuid)
 RETURNS text
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  others text;
  rule record;
  problem text;
  problems text[] := '{}';
begin
  for rule in
    select s.filter
    from postrider.subscription s
    where s.endpoint_id = endpoint_id and s.event_type = any (postrider.event_type_patterns(event_type))
    order by s.filter is not null, s.created_at, s.id
  loop
    problem := case when rule.filter is not null then postrider.explain_filter(payload, rule.filter) end;
    if problem is null then
      return null;
    end if;
    problems := problems || problem;
  end loop;
  if cardinality(problems) > 0 then
    return array_to_string(problems, '; ');
  end if;
  select string_agg(distinct s.event_type, ', ') into others from postrider.subscription s where s.endpoint_id = endpoint_id;
  return format('no subscription matches the type %s: %s', event_type,
    case when others is null then 'the endpoint has none'
         when event_type = 'postrider' or event_type like 'postrider.%' then format('it has %s, and * does not mean postrider''s own events', others)
         else format('it has %s', others) end);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.finish_cancellations()
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
-- A cancel that found its delivery in hand and was not seen by the record of it, the two having crossed, finds it
-- pending here, before it could be leased again. Nothing is waited for: whoever has a row locked deals with it.
begin
  with cancelled as (
    select c.event_id, c.endpoint_id, c.reason
    from postrider.cancellation c
    join postrider.delivery d on d.event_id = c.event_id and d.endpoint_id = c.endpoint_id
    where d.state = 'pending' and (d.lease_expires_at is null or d.lease_expires_at <= now())
    order by c.event_id, c.endpoint_id
    for update of c, d skip locked
  )
  update postrider.delivery d
  set state = 'discarded', reason = cancelled.reason, finished_at = now(),
      next_attempt_at = null, leased_by = null, lease_expires_at = null
  from cancelled
  where d.event_id = cancelled.event_id and d.endpoint_id = cancelled.endpoint_id;
  with ended as (
    select c.event_id, c.endpoint_id
    from postrider.cancellation c
    left join postrider.delivery d on d.event_id = c.event_id and d.endpoint_id = c.endpoint_id
    where case when d.event_id is not null then d.state <> 'pending'
               else not exists (select from postrider.claim h where c.event_id = any (h.event_ids)) end
    order by c.event_id, c.endpoint_id
    for update of c skip locked
  )
  delete from postrider.cancellation c
  using ended
  where c.event_id = ended.event_id and c.endpoint_id = ended.endpoint_id;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.forget_ingest(name text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  forgotten jsonb;
begin
  if not pg_try_advisory_xact_lock(postrider.ingest_lock_key(forget_ingest.name)) then
    raise exception 'the ingest % is running', quote_literal(forget_ingest.name)
      using errcode = 'object_in_use', hint = 'Stop it first.';
  end if;
  delete from postrider.ingest_position p
  where p.name = forget_ingest.name
  returning to_jsonb(p) into forgotten;
  if not found then
    raise exception 'there is no ingest %', coalesce(quote_literal(forget_ingest.name), 'null')
      using errcode = 'no_data_found', hint = 'select name, path from postrider.ingest_position lists them.';
  end if;
  perform postrider.note_action('forget_ingest', null, null, forgotten);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.grant_roles()
 RETURNS TABLE(role_name text, outcome text)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
-- Everything is taken back and granted anew, in one transaction: what a release no longer grants is gone, and so is
-- what somebody granted to one of the four by hand. A site that wants more makes a role of its own.
declare
  entry record;
  grantees text;
begin
  -- The lock of migrations: two who grant at once would meet "tuple concurrently updated".
  perform pg_advisory_xact_lock(8101821198635721829);
  -- And so would one who grants beside one who defines an event type, which writes a function anew.
  if to_regclass('postrider.event_type_policy') is not null then
    execute 'select p.only_row from postrider.event_type_policy p for update';
  end if;

  for entry in
    select r.name, r.purpose from (values
      ('postrider_publisher', 'Postrider: inserts events and reads back their ids.'),
      ('postrider_reader', 'Postrider: sees what happens, without payloads and secrets.'),
      ('postrider_operator', 'Postrider: sees payloads, changes endpoints, and steers deliveries.'),
      ('postrider_daemon', 'Postrider: what a daemon needs to deliver.')) r (name, purpose)
  loop
    role_name := entry.name;
    outcome := 'granted';
    if to_regrole(entry.name) is null then
      begin
        execute format('create role %I nologin', entry.name);
        execute format('comment on role %I is %L', entry.name, entry.purpose);
      exception
        when insufficient_privilege then
          outcome := 'missing';
        when duplicate_object or unique_violation then
          null; -- roles belong to all databases of the cluster: another one was quicker
      end;
    end if;
    return next;
  end loop;

  grantees := concat_ws(', ', 'public', to_regrole('postrider_publisher'), to_regrole('postrider_reader'),
    to_regrole('postrider_operator'), to_regrole('postrider_daemon'));
  for entry in
    -- partitions are left out: whoever comes by their parent needs nothing on them, and nobody has anything
    select case c.relkind when 'S' then 'sequence ' else 'table ' end || c.oid::regclass as object
    from pg_class c
    where c.relnamespace = 'postrider'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'S') and not c.relispartition
    union all
    select 'routine ' || p.oid::regprocedure from pg_proc p where p.pronamespace = 'postrider'::regnamespace
    union all
    select 'schema postrider'
  loop
    execute format('revoke all on %s from %s', entry.object, grantees);
  end loop;

  for entry in
    select g.privileges, g.object, (
      select string_agg(to_regrole('postrider_' || w.name)::text, ', ') from unnest(g.who) w (name)) as roles
    from (values
      ('{publisher,reader,operator,daemon}'::text[], 'usage', 'schema postrider'),

      -- Events. id: what "returning id" needs; it shows a publisher the ids of other events, and nothing about them.
      ('{publisher}', 'insert (event_type, payload, tenant, ordering_key, deliver_at, idempotency_key, attributes), select (id)',
       'table postrider.outbox'),
      ('{reader}', 'select (id, xid, seq, created_at, deliver_at, event_type, tenant, ordering_key, idempotency_key)',
       'table postrider.outbox'),
      ('{operator,daemon}', 'select', 'table postrider.outbox'),
      ('{reader,operator}', 'select', 'table postrider.idempotency_key'),

      -- Endpoints. A URL may hold a password or a token in its query, and headers are where tokens are.
      ('{reader}', 'select (id, tenant, shown_url, format, timeout_ms, retry_schedule, disable_after, state, state_reason, state_changed_at, revision, created_at, updated_at)',
       'table postrider.endpoint'),
      ('{operator,daemon}', 'select', 'table postrider.endpoint'),
      ('{operator}', 'insert (tenant, url, format, timeout_ms, retry_schedule, headers, disable_after, state, state_reason), update (tenant, url, format, timeout_ms, retry_schedule, headers, disable_after, state, state_reason), delete',
       'table postrider.endpoint'),
      ('{reader,operator,daemon}', 'select', 'table postrider.subscription'),
      ('{operator}', 'insert (endpoint_id, event_type, filter), update (endpoint_id, event_type, filter), delete',
       'table postrider.subscription'),
      ('{reader,operator}', 'select (id, endpoint_id, created_at, expires_at)', 'table postrider.endpoint_secret'),
      ('{daemon}', 'select', 'table postrider.endpoint_secret'),

      -- Deliveries. What a receiver answers may repeat what it was sent.
      ('{reader,operator}', 'select', 'table postrider.delivery'),
      ('{reader}', 'select (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error)',
       'table postrider.attempt'),
      ('{operator}', 'select', 'table postrider.attempt'),

      ('{reader,operator}', 'select', 'table postrider.endpoint_failure'),
      ('{reader,operator,daemon}', 'select', 'table postrider.cancellation'),
      ('{reader,operator}', 'select', 'table postrider.endpoint_health'),
      ('{reader,operator,daemon}', 'select', 'table postrider.replay'),
      ('{reader,operator}', 'select', 'table postrider.replay_failure'),
      ('{reader,operator}', 'select', 'table postrider.replay_status'),
      ('{reader,operator}', 'select', 'table postrider.daemon'),
      ('{reader,operator}', 'select', 'table postrider.claim'),
      ('{reader,operator,daemon}', 'select', 'table postrider.sending'),
      ('{operator}', 'update (is_on, reason)', 'table postrider.sending'),
      ('{reader,operator,daemon}', 'select', 'table postrider.audit'),
      ('{reader,operator,daemon}', 'select', 'table postrider.schema_migration'),

      -- Views act with their owner's rights on tables, and with the reader's on functions.
      ('{reader,operator}', 'select', 'table postrider.in_flight'),
      ('{reader,operator}', 'select', 'table postrider.delivery_status'),
      ('{reader,operator}', 'select', 'table postrider.backlog'),
      ('{reader,operator}', 'select', 'table postrider.daemon_status'),

      -- Defaults, checks and triggers call these with the rights of whoever inserts or updates.
      ('{publisher,operator}', 'execute', 'function postrider.uuid_v7'),
      ('{publisher}', 'execute', 'function postrider.is_wake_off'),
      ('{publisher}', 'execute', 'function postrider.wake_daemons'),
      ('{publisher}', 'execute', 'function postrider.notify_daemons'),
      ('{operator}', 'execute', 'function postrider.are_retry_waits'),
      ('{operator}', 'execute', 'function postrider.header_problem'),
      ('{operator}', 'execute', 'function postrider.cancel'),
      ('{operator}', 'execute', 'function postrider.rotate_secret'),
      ('{operator}', 'execute', 'function postrider.explain_event'),
      ('{operator}', 'execute', 'function postrider.replay'),
      ('{operator}', 'execute', 'function postrider.cancel_replay'),
      ('{daemon}', 'execute', 'function postrider.prepare_replay'),
      ('{daemon}', 'execute', 'function postrider.note_replay_problem'),
      ('{operator}', 'execute', 'function postrider.url_without_secrets'),

      ('{reader,operator}', 'execute', 'function postrider.count_waiting'),
      ('{reader,operator}', 'execute', 'function postrider.count_unclaimed'),
      ('{reader,operator,daemon}', 'execute', 'function postrider.uuid_v7_floor'),
      ('{reader,operator}', 'execute', 'function postrider.uuid_v7_time'),
      ('{reader,operator,daemon}', 'execute', 'function postrider.event_type_patterns'),

      ('{publisher}', 'execute', 'function postrider.publish'),

      -- Captures act with their caller's rights, in what they call and make too.
      ('{publisher}', 'execute', 'function postrider.capture'),
      ('{publisher}', 'execute', 'function postrider.uncapture'),
      ('{publisher}', 'execute', 'function postrider.check_capture'),
      ('{publisher}', 'execute', 'function postrider.check_capture_expression'),
      ('{publisher}', 'execute', 'function postrider.create_capture_trigger'),
      ('{publisher}', 'execute', 'function postrider.make_capture'),
      ('{publisher}', 'execute', 'function postrider.drop_capture'),
      ('{publisher}', 'execute', 'function postrider.capture_function'),
      ('{publisher}', 'execute', 'function postrider.row_change'),
      ('{publisher}', 'execute', 'function postrider.refuse_captured_truncate'),
      ('{publisher,reader,operator}', 'execute', 'function postrider.trigger_arguments'),
      ('{reader,operator}', 'select', 'table postrider.capture_status'),

      -- The catalogue. What each insert asks with its own rights is which types are enforced.
      ('{reader,operator}', 'select', 'table postrider.event_type'),
      ('{operator}', 'insert (name, description, json_schema, enforce, deprecated), update (name, description, json_schema, enforce, deprecated), delete',
       'table postrider.event_type'),
      ('{reader,operator}', 'select', 'table postrider.event_type_policy'),
      ('{operator}', 'update (unknown_types)', 'table postrider.event_type_policy'),
      ('{publisher}', 'execute', 'function postrider.judged_event_types'),
      ('{operator}', 'execute', 'function postrider.define_event_type'),
      ('{operator}', 'execute', 'function postrider.drop_event_type'),
      ('{operator}', 'execute', 'function postrider.refuse_unknown_event_types'),
      ('{operator}', 'execute', 'function postrider.allow_unknown_event_types'),

      -- An ingest: a publisher with a position.
      ('{publisher}', 'execute', 'function postrider.open_ingest'),
      ('{publisher}', 'execute', 'function postrider.store_lines'),
      ('{publisher}', 'execute', 'function postrider.close_ingest'),
      ('{operator}', 'execute', 'function postrider.forget_ingest'),
      ('{reader,operator}', 'select', 'table postrider.ingest_position'),

      ('{operator}', 'execute', 'function postrider.create_endpoint'),
      ('{operator}', 'execute', 'function postrider.subscribe'),
      ('{operator}', 'execute', 'function postrider.unsubscribe'),
      ('{operator}', 'execute', 'function postrider.pause_endpoint'),
      ('{operator}', 'execute', 'function postrider.resume_endpoint'),
      ('{operator}', 'execute', 'function postrider.disable_endpoint'),
      ('{operator}', 'execute', 'function postrider.enable_endpoint'),
      ('{operator}', 'execute', 'function postrider.redeliver'),

      ('{reader,operator,daemon}', 'execute', 'function postrider.copy_problem'),
      ('{operator}', 'execute', 'function postrider.adopt'),

      ('{daemon}', 'execute', 'function postrider.claim_events'),
      ('{daemon}', 'execute', 'function postrider.claim_deliveries'),
      ('{daemon}', 'execute', 'function postrider.record_results'),
      ('{daemon}', 'execute', 'function postrider.take_over_claim'),
      ('{daemon}', 'execute', 'function postrider.empty_claims'),
      ('{daemon}', 'execute', 'function postrider.beat'),
      ('{daemon}', 'execute', 'function postrider.leave'),
      ('{daemon}', 'execute', 'function postrider.judge_filters'),
      ('{daemon}', 'execute', 'function postrider.make_partitions'),
      ('{operator,daemon}', 'execute', 'function postrider.maintain')
    ) g (who, privileges, object)
  loop
    -- a later migration makes it, and calls this again
    continue when entry.roles is null or coalesce(
      to_regproc(substring(entry.object from '^function (.*)'))::oid, to_regclass(substring(entry.object from '^table (.*)'))::oid,
      to_regnamespace(substring(entry.object from '^schema (.*)'))::oid) is null;
    execute format('grant %s on %s to %s', entry.privileges, entry.object, entry.roles);
  end loop;

  -- A restore of data alone ends with this: what it enforces is enforced from here on.
  if to_regproc('postrider.refresh_judged_event_types') is not null then
    perform postrider.refresh_judged_event_types();
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.header_problem(headers jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (SELECT format('the header %s %s'::text, to_json(h.name), CASE WHEN (h.name !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+$'::text) THEN 'has no name that HTTP allows: letters, digits and hyphens'::text WHEN (jsonb_typeof(h.value) <> 'string'::text) THEN format('has a value that is no string, but of the type %s'::text, jsonb_typeof(h.value)) WHEN ((h.value #>> '{}'::text[]) ~ '[^ -~\t]'::text) THEN 'has a value with a line break or a character outside of ASCII'::text ELSE 'has a value with a blank at its beginning or end'::text END) AS format FROM jsonb_each(CASE WHEN (jsonb_typeof(header_problem.headers) = 'object'::text) THEN header_problem.headers ELSE '{}'::jsonb END) h(name, value) WHERE ((h.name !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+$'::text) OR (jsonb_typeof(h.value) <> 'string'::text) OR ((h.value #>> '{}'::text[]) ~ '[^ -~\t]|^[ \t]|[ \t]$'::text)) ORDER BY h.name LIMIT 1);

CREATE OR REPLACE FUNCTION postrider.ingest_lock_key(name text)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE
RETURN hashtextextended(('postrider.ingest '::text || name), (0)::bigint);

CREATE OR REPLACE FUNCTION postrider.insert_lines(event_type text, tenant text, lines text[], numbers integer[], OUT events integer, OUT refused integer[], OUT reasons text[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  half constant integer := cardinality(lines) / 2;
  part record;
begin
  refused := '{}';
  reasons := '{}';
  begin
    insert into postrider.outbox (event_type, tenant, payload)
    select insert_lines.event_type, insert_lines.tenant, l.line::json
    from unnest(insert_lines.lines) with ordinality l (line, n)
    order by l.n;
    get diagnostics events = row_count;
    return;
  exception when data_exception or integrity_constraint_violation or program_limit_exceeded or raise_exception then
    if cardinality(lines) = 1 then
      events := 0;
      refused := numbers;
      reasons := array[sqlerrm];
      return;
    end if;
  end;
  -- By halves: one bad line of a thousand is found with twenty inserts.
  events := 0;
  for part in
    select i.events, i.refused, i.reasons
    from (values (lines[:half], numbers[:half]), (lines[half + 1:], numbers[half + 1:])) h (lines, numbers)
    cross join lateral postrider.insert_lines(event_type, tenant, h.lines, h.numbers) i
  loop
    events := events + part.events;
    refused := refused || part.refused;
    reasons := reasons || part.reasons;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.is_claimed(xid xid8, seq bigint)
 RETURNS boolean
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 SELECT (pg_visible_in_snapshot(is_claimed.xid, c.base) OR ((c.target IS NOT NULL) AND pg_visible_in_snapshot(is_claimed.xid, c.target) AND (ROW(is_claimed.xid, is_claimed.seq) <= ROW(c.after_xid, c.after_seq))))
    FROM postrider.claim c
   ORDER BY c.id DESC
  LIMIT 1;
END;

CREATE OR REPLACE FUNCTION postrider.is_count(value jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (jsonb_typeof(value) = 'number'::text) THEN ((((value)::numeric >= (0)::numeric) AND ((value)::numeric <= (2147483647)::numeric)) AND (((value)::numeric % (1)::numeric) = (0)::numeric)) ELSE false END;

CREATE OR REPLACE FUNCTION postrider.is_listed(options jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN ((jsonb_array_length(options) > 4) AND (SELECT (count(DISTINCT jsonb_typeof(o.value)) = 1) FROM jsonb_array_elements(is_listed.options) o(value) WHERE (o.value <> 'null'::jsonb)));

CREATE OR REPLACE FUNCTION postrider.is_needed(lower_bound uuid, upper_bound uuid)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET enable_seqscan TO 'off'
AS $function$
declare
  base pg_snapshot;
begin
  select c.base into strict base from postrider.claim c order by c.id desc limit 1;
  -- Each is a look at an index in its own order, of which the first entry settles it.
  perform from postrider.outbox o
  where o.xid >= pg_snapshot_xmin(base) and not pg_visible_in_snapshot(o.xid, base) and o.id >= lower_bound and o.id < upper_bound
  order by o.xid, o.seq
  limit 1;
  if found then
    return true;
  end if;
  perform from postrider.delivery d
  where d.finished_at is null and d.event_id >= lower_bound and d.event_id < upper_bound
  order by d.endpoint_id, d.event_id
  limit 1;
  return found
    -- also one that is recorded and not taken away yet: whoever looks at it next looks for the deliveries of its pairs
    or exists (
      select from postrider.claim c, unnest(c.event_ids) e (id)
      where e.id >= lower_bound and e.id < upper_bound)
    or exists (
      select from postrider.replay r
      where r.state = 'preparing' and r.after_event < upper_bound and postrider.replay_end(r.until) > lower_bound);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.is_option(options jsonb, value jsonb)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (jsonb_typeof(value) <> ALL (ARRAY['array'::text, 'object'::text])) THEN (options @> value) ELSE (EXISTS (SELECT FROM jsonb_array_elements(is_option.options) o(option) WHERE (o.option = is_option.value))) END;

CREATE OR REPLACE FUNCTION postrider.is_own(xid xid8, row_xmin xid)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((xid > '3'::xid8) AND (((xid)::xid = row_xmin) OR (((((((row_xmin)::text)::bigint - (((xid)::xid)::text)::bigint) + '4294967296'::bigint) % '4294967296'::bigint) >= 0) AND ((((((row_xmin)::text)::bigint - (((xid)::xid)::text)::bigint) + '4294967296'::bigint) % '4294967296'::bigint) <= 1000))));

CREATE OR REPLACE FUNCTION postrider.is_recorded(event_ids uuid[], endpoint_ids uuid[])
 RETURNS boolean
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
begin
  return not exists (
    select from unnest(is_recorded.event_ids, is_recorded.endpoint_ids) p (event_id, endpoint_id)
    where not exists (
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
      offset 0));
end
$function$;

CREATE OR REPLACE FUNCTION postrider.is_settled(xid xid8, seq bigint, created_at timestamp with time zone, row_xmin xid, base pg_snapshot, target pg_snapshot, after_xid xid8, after_seq bigint, claimed_at timestamp with time zone, is_copied boolean)
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ((pg_visible_in_snapshot(xid, base) OR ((target IS NOT NULL) AND pg_visible_in_snapshot(xid, target) AND (ROW(xid, seq) <= ROW(after_xid, after_seq)))) AND (NOT (is_copied AND ((created_at > claimed_at) OR postrider.is_own(xid, row_xmin)))));

CREATE OR REPLACE FUNCTION postrider.is_wake_off()
 RETURNS boolean
 LANGUAGE sql
 STABLE
RETURN COALESCE((NULLIF(current_setting('postrider.wake'::text, true), ''::text) ~* '^\s*(off?|f|fa|fal|fals|false|no?|0)\s*$'::text), false);

CREATE OR REPLACE FUNCTION postrider.judge_filters(payload json, endpoint_ids uuid[], filters jsonpath[])
 RETURNS TABLE(endpoint_id uuid, problem text, is_slow boolean)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  -- Reading a payload as jsonb sorts its keys, which nothing interrupts: the worst of one megabyte took 0.5 s, the worst
  -- of eight 5 s, and one of forty-nine outlasted every deadline, at every claim.
  payload_bytes_max constant integer := 1048576;
  -- A comparison of two paths tries every value of the one with every value of the other, and nothing interrupts that
  -- either: two lists of 16,000 took 15 s.
  compares_paths constant text := '(==|!=|<>|<=|>=|<|>)[ (+-]*[$@]';
  compared_bytes_max constant integer := 8192;
  has_long_list constant jsonpath := 'strict exists($.** ? (@.type() == "array" && @.size() > 1000))';
  filters_time_max constant interval := '1 s';
  filter_time_max constant interval := '500 ms';
  started constant timestamptz := clock_timestamp();
  filter_started timestamptz;
  payload_bytes integer;
  document jsonb;
  unreadable text;
begin
  is_slow := false;
  -- the size on disk first, for it needs no reading; it is the least that the payload can have
  payload_bytes := case when pg_column_size(payload) <= payload_bytes_max then octet_length(payload::text) end;
  if payload_bytes is null or payload_bytes > payload_bytes_max then
    unreadable := format('the payload has %s bytes, and filters are applied up to %s',
                         coalesce(payload_bytes::text, 'more than ' || pg_column_size(payload)), payload_bytes_max);
  else
    begin
      document := payload::jsonb;
    exception
      -- \u0000, a number beyond numeric, a nesting too deep
      when others then
        if left(sqlstate, 2) in ('53', '57', '58') then
          raise;
        end if;
        unreadable := format('no filter can be applied to the payload: %s', sqlerrm);
    end;
  end if;
  for n in 1 .. cardinality(filters) loop
    endpoint_id := endpoint_ids[n];
    problem := unreadable;
    filter_started := clock_timestamp();
    begin
      if problem is null and filter_started - started > filters_time_max then
        problem := 'the filters of the endpoints before it took longer than a second with this payload';
      end if;
      if problem is null and payload_bytes > compared_bytes_max
        and filters[n]::text ~ compares_paths and document @@ has_long_list
      then
        problem := format('the filter %s compares two paths, and the payload has a list of more than 1000', filters[n]);
      end if;
      if problem is not null or document @@ filters[n] then
        return next;
      end if;
      null; -- a cancel that nothing has met so far is met here
    exception
      -- The deadline of the statement: what is asked next is asked without this filter. A cancel that comes sooner is
      -- somebody's, and obeyed. There is no deadline any more: nothing may follow here that takes long.
      when query_canceled then
        if clock_timestamp() - filter_started < filter_time_max then
          raise;
        end if;
      -- A date compared with a time that has a zone (0A000), a variable that nobody sets (42704): a list would miss one,
      -- and what it misses stops every claim. Only what is the server's trouble is no fault of the event or the filter.
      when others then
        if left(sqlstate, 2) in ('53', '57', '58') then
          raise;
        end if;
        problem := format('the filter %s cannot be applied to the payload: %s', filters[n], sqlerrm);
        return next;
    end;
    if clock_timestamp() - filter_started > filter_time_max then
      problem := null;
      is_slow := true;
      return next;
      return;
    end if;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.judge_lines(lines text[], filter jsonpath, OUT chosen integer[], OUT refused integer[], OUT reasons text[])
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  nobody constant uuid[] := array['00000000-0000-0000-0000-000000000000'::uuid];
  verdict record;
begin
  chosen := '{}';
  refused := '{}';
  reasons := '{}';
  for n in 1 .. cardinality(lines) loop
    begin
      select j.problem, j.is_slow into verdict
      from (select lines[n]::json as payload) l
      left join lateral postrider.judge_filters(l.payload, nobody, array[filter]) j on filter is not null;
      if verdict.is_slow then
        verdict.problem := 'the filter takes longer than half a second with it';
      end if;
      if verdict.problem is not null then
        refused := refused || n;
        reasons := reasons || verdict.problem;
      elsif filter is null or verdict.is_slow is not null then
        chosen := chosen || n;
      end if;
    exception when data_exception or program_limit_exceeded then
      refused := refused || n;
      reasons := reasons || sqlerrm;
    end;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.judge_payload(event_type text, payload json, checks jsonb, predicate jsonpath, value_steps bigint, object_steps bigint, byte_steps bigint)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- read in 10 ms; what filters of subscriptions judge has the same limit
  payload_bytes_max constant integer := 1048576;
  -- of 0.05 us each: 0.4 s
  predicate_steps_max constant integer := 8000000;
  -- of 20 us each: 0.2 s
  walk_steps_max constant integer := 10000;
  payload_bytes constant integer := octet_length(payload::text);
  document jsonb;
  verdict boolean;
  problem text;
  steps_left integer;
begin
  if payload_bytes > payload_bytes_max then
    perform postrider.refuse_payload(event_type, format('it has %s bytes, and no more than %s are checked', payload_bytes, payload_bytes_max));
  end if;
  begin
    document := payload::jsonb;
    -- A byte is no more than a value and an object: what is small need not be counted.
    if payload_bytes * (value_steps + object_steps + byte_steps) <= predicate_steps_max
      or postrider.payload_steps(payload::text, value_steps, object_steps, byte_steps) <= predicate_steps_max
    then
      verdict := jsonb_path_exists(document, predicate, checks);
    end if;
  exception
    -- json that is no jsonb: a NUL, half a surrogate, a number beyond numeric, some thousand levels
    when data_exception or program_limit_exceeded then
      problem := sqlerrm;
  end;
  if document is null then
    perform postrider.refuse_payload(event_type, 'Postgres cannot read it: ' || problem);
  elsif verdict then
    return;
  end if;
  select p.problem, p.steps_left into problem, steps_left from postrider.payload_problem(checks, document, '', walk_steps_max) p;
  if steps_left < 0 and not verdict then
    perform postrider.refuse_payload(event_type, format('where was not found in %s steps: no more are made', walk_steps_max));
  elsif steps_left < 0 then
    perform postrider.refuse_payload(event_type,
      format('it has %s bytes, too many to be checked against its schema: nothing was wrong in %s steps, and no more are made', payload_bytes, walk_steps_max),
      'Say less in one event, or enforce a schema with fewer branches of anyOf and allOf, and shorter lists of enum.');
  elsif problem is not null then
    perform postrider.refuse_payload(event_type, problem);
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.judged_event_types()
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$ begin return '{}'; end $function$;

CREATE OR REPLACE FUNCTION postrider.keyword_advice(keyword text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (keyword = ANY (ARRAY['pattern'::text, 'patternProperties'::text])) THEN 'Regular expressions of Postgres are not those of JSON Schema, and can be made to run for long. Leave it out, and check that in the application.'::text WHEN (keyword = 'oneOf'::text) THEN 'Write anyOf; a property with a const in each of its schemas tells them apart.'::text WHEN (keyword = 'definitions'::text) THEN 'Write $defs, and #/$defs/NAME where it is referred to.'::text WHEN (keyword = ANY (ARRAY['$ref'::text, '$defs'::text, '$id'::text])) THEN 'Put what is referred to into $defs at the top of the schema; no other reference is followed.'::text WHEN (keyword = 'items'::text) THEN 'A list of schemas, one an element, is not supported.'::text ELSE 'The keywords that are checked, and those that are let through, are in sql/README.md. Leave the others out, and check that in the application.'::text END;

CREATE OR REPLACE FUNCTION postrider.keyword_problem(keyword text, argument jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN CASE WHEN (keyword = ANY (ARRAY['$schema'::text, '$id'::text, '$comment'::text, 'title'::text, 'description'::text, 'default'::text, 'examples'::text, 'deprecated'::text, 'readOnly'::text, 'writeOnly'::text, 'format'::text, 'const'::text])) THEN NULL::text WHEN (keyword = 'type'::text) THEN CASE WHEN ((jsonb_typeof(argument) <> ALL (ARRAY['string'::text, 'array'::text])) OR (argument = '[]'::jsonb) OR (EXISTS (SELECT FROM jsonb_path_query(keyword_problem.argument, '$[*]'::jsonpath) t(name) WHERE ((jsonb_typeof(t.name) <> 'string'::text) OR ((t.name #>> '{}'::text[]) <> ALL (ARRAY['null'::text, 'boolean'::text, 'object'::text, 'array'::text, 'number'::text, 'integer'::text, 'string'::text])))))) THEN 'must be null, boolean, object, array, number, integer or string, or a list of these'::text ELSE NULL::text END WHEN (keyword = ANY (ARRAY['properties'::text, '$defs'::text])) THEN CASE WHEN (jsonb_typeof(argument) <> 'object'::text) THEN 'must be an object of schemas'::text ELSE NULL::text END WHEN (keyword = ANY (ARRAY['items'::text, 'additionalProperties'::text])) THEN CASE WHEN (jsonb_typeof(argument) <> ALL (ARRAY['object'::text, 'boolean'::text])) THEN 'must be a schema'::text ELSE NULL::text END WHEN (keyword = 'required'::text) THEN CASE WHEN ((jsonb_typeof(argument) <> 'array'::text) OR jsonb_path_exists(argument, 'strict $[*]?(@.type() != "string")'::jsonpath)) THEN 'must be a list of names'::text ELSE NULL::text END WHEN (keyword = ANY (ARRAY['enum'::text, 'anyOf'::text, 'allOf'::text])) THEN CASE WHEN ((jsonb_typeof(argument) <> 'array'::text) OR (argument = '[]'::jsonb)) THEN 'must be a list that is not empty'::text ELSE NULL::text END WHEN (keyword = ANY (ARRAY['minimum'::text, 'maximum'::text, 'exclusiveMinimum'::text, 'exclusiveMaximum'::text])) THEN CASE WHEN (jsonb_typeof(argument) <> 'number'::text) THEN 'must be a number'::text ELSE NULL::text END WHEN (keyword = ANY (ARRAY['minLength'::text, 'maxLength'::text, 'minItems'::text, 'maxItems'::text])) THEN CASE WHEN (NOT postrider.is_count(argument)) THEN 'must be a whole number of 0 to 2147483647'::text ELSE NULL::text END WHEN (keyword = '$ref'::text) THEN CASE WHEN ((jsonb_typeof(argument) <> 'string'::text) OR ((argument #>> '{}'::text[]) !~ '^#/\$defs/[^/%]+$'::text)) THEN 'must have the form #/$defs/NAME'::text ELSE NULL::text END ELSE 'is not supported'::text END;

CREATE OR REPLACE FUNCTION postrider.leave(daemon_id uuid)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 DELETE FROM postrider.daemon
   WHERE (daemon.id = leave.daemon_id);
END;

CREATE OR REPLACE FUNCTION postrider.length_predicate(minimum numeric, maximum numeric)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN CASE WHEN (GREATEST(minimum, (maximum + (1)::numeric)) <= (255)::numeric) THEN (('('::text || concat_ws(' && '::text, CASE WHEN (minimum = (0)::numeric) THEN '1 == 1'::text WHEN (minimum = (1)::numeric) THEN '@ != ""'::text WHEN (minimum > (1)::numeric) THEN format('@ like_regex "^.{%s}" flag "s"'::text, (minimum)::integer) ELSE NULL::text END, CASE WHEN (maximum = (0)::numeric) THEN '@ == ""'::text WHEN (maximum > (0)::numeric) THEN format('!(@ like_regex "^.{%s}" flag "s")'::text, ((maximum)::integer + 1)) ELSE NULL::text END)) || ')'::text) ELSE NULL::text END;

CREATE OR REPLACE FUNCTION postrider.lock_endpoint(endpoint_id uuid)
 RETURNS text
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  endpoint_state text;
begin
  select e.state into endpoint_state from postrider.endpoint e where e.id = lock_endpoint.endpoint_id for no key update;
  if not found then
    perform postrider.require_endpoint(lock_endpoint.endpoint_id);
  end if;
  return endpoint_state;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.lock_event_types()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into postrider.event_type_policy as p (unknown_types) values (default)
  on conflict on constraint event_type_policy_pkey do update set changed_at = clock_timestamp();
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.maintain(retention interval DEFAULT '30 days'::interval)
 RETURNS TABLE(outcome text, subject text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- A day that is still being delivered holds itself back; this is against a slip of the pen.
  retention_min constant interval := '1 day';
  past_day date;
  is_busy boolean := false;
  deleted bigint;
begin
  if retention is null or retention < retention_min then
    raise exception 'cannot keep events for %', coalesce(retention::text, 'null')
      using errcode = 'invalid_parameter_value', hint = 'Retention is at least one day.';
  end if;
  if not pg_try_advisory_xact_lock(1886352244, 3) then
    return;
  end if;
  perform postrider.refresh_judged_event_types();
  select m.outcome, m.partition_name into outcome, subject from postrider.make_partitions() m;
  is_busy := outcome is not distinct from 'busy';
  if outcome is not null and not is_busy then
    return next;
    return;
  end if;

  -- In a copy nobody can say what is claimed. Whoever calls this is no daemon, and may do so in a template.
  perform postrider.require_home(may_move_in => false);
  past_day := ((now() - retention) at time zone 'UTC')::date;
  select m.outcome, m.subject into outcome, subject from postrider.move_strays(past_day) m;
  is_busy := is_busy or outcome is not distinct from 'busy';
  if outcome is not null and outcome <> 'busy' then
    return next;
    return;
  end if;

  select d.outcome, d.subject into outcome, subject from postrider.drop_days(past_day) d;
  is_busy := is_busy or outcome is not distinct from 'busy';
  if outcome is not null and outcome <> 'busy' then
    return next;
    return;
  end if;

  begin
    deleted := postrider.delete_strays(past_day) + postrider.delete_records(now() - retention);
  exception
    when lock_not_available then
      is_busy := true;
  end;
  if deleted > 0 then
    outcome := 'deleted';
    subject := format('%s rows', deleted);
    return next;
  elsif is_busy then
    outcome := 'busy';
    subject := null;
    return next;
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.make_capture(table_name regclass, event_type text, operations text[], condition text, payload text, ordering_key text, tenant text, schemas name[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  words constant text := left(replace(event_type, '.', '_'), 30);
  trigger_words constant text := words || '_' || left(md5(event_type), 8);
  arguments constant text := format('%L, %L, %L, %L, %L', event_type, coalesce(condition, ''), coalesce(payload, ''),
    coalesce(ordering_key, ''), coalesce(tenant, ''));
  create_trigger constant text := 'create trigger %I after %s on %s for each row when (%s) execute function %s(%s, %L)';
  -- temporary objects last, where none of them is taken for one of the owner's
  search_path constant text := concat_ws(', ', (
    select string_agg(quote_ident(s.name), ', ' order by s.place) from unnest(schemas) with ordinality s (name, place)
    where s.name !~ '^pg_temp'), 'pg_temp');
  captured record;
  operation text;
  trigger_name text;
  function_name text;
begin
  perform postrider.check_capture(table_name, operations);
  if event_type is null or event_type !~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$' or length(event_type) > 255 then
    raise exception 'cannot capture the changes of %: % is no event type', table_name, quote_nullable(event_type)
      using errcode = 'invalid_parameter_value', hint = 'An event type is dotted words of letters, digits and underscores, at most 255 long.';
  end if;
  perform postrider.check_capture_expression(table_name, 'condition', condition, 'case when (%s) then true end', search_path);
  perform postrider.check_capture_expression(table_name, 'payload', payload, 'case when true then pg_catalog.to_json((%s)) end', search_path);
  perform postrider.check_capture_expression(table_name, 'ordering_key', ordering_key, 'case when true then (%s)::text end', search_path);
  perform postrider.check_capture_expression(table_name, 'tenant', tenant, 'case when true then (%s)::text end', search_path);
  perform postrider.drop_capture(table_name, event_type);

  select n.nspname as schema_name, c.relname as name, c.relowner as owner into captured
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.oid = table_name;
  -- not made of the table's name or id: another table may come to have either
  function_name := format('%I.%I', captured.schema_name,
    'postrider_capture_' || words || '_' || right(gen_random_uuid()::text, 12));
  execute format('create function %s() returns trigger language plpgsql volatile security definer set search_path = %s as %L',
    function_name, search_path,
    postrider.capture_function(format('%s.%s', captured.schema_name, captured.name), payload, condition, ordering_key, tenant));
  -- whoever could name it could give it to a table of his own, and forge the owner's events
  execute format('revoke all on function %s() from public', function_name);
  execute format('comment on function %s() is %L', function_name,
    format('Made by postrider.capture: inserts an event %s for a changed row of %s. Ends with postrider.uncapture.', event_type, table_name));

  foreach operation in array array(select distinct o.name from unnest(operations) o (name)) loop
    trigger_name := 'postrider_' || operation || '_' || trigger_words;
    begin
      perform postrider.create_capture_trigger(format(create_trigger, trigger_name, operation, table_name,
        coalesce(condition || E'\n', case operation when 'update' then 'old.* operator(pg_catalog.*<>) new.*' else 'true' end),
        function_name, arguments, 'when'), search_path);
    exception
      when feature_not_supported or invalid_object_definition then
        execute format(create_trigger, trigger_name, operation, table_name, 'true', function_name, arguments, 'function');
    end;
  end loop;
  if 'delete' = any (operations) then
    execute format('create trigger %I before truncate on %s for each statement execute function postrider.refuse_captured_truncate(%s, %L)',
      'postrider_truncate_' || trigger_words, table_name, arguments, 'when');
  end if;
  if pg_get_userbyid(captured.owner) <> current_user then
    execute format('alter function %s() owner to %s', function_name, captured.owner::regrole);
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.make_partitions(ahead interval DEFAULT '7 days'::interval)
 RETURNS TABLE(outcome text, partition_name text)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET enable_seqscan TO 'off'
AS $function$
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
$function$;

CREATE OR REPLACE FUNCTION postrider.masked_headers(headers jsonb, earlier jsonb DEFAULT NULL::jsonb)
 RETURNS jsonb
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN (SELECT COALESCE(jsonb_object_agg(h.name, CASE WHEN ((masked_headers.earlier IS NULL) OR ((masked_headers.earlier -> h.name) = h.value)) THEN 'hidden'::text ELSE 'hidden, changed'::text END), '{}'::jsonb) AS "coalesce" FROM jsonb_each(CASE WHEN (jsonb_typeof(masked_headers.headers) = 'object'::text) THEN masked_headers.headers ELSE '{}'::jsonb END) h(name, value));

CREATE OR REPLACE FUNCTION postrider.move_sequence(table_name text, column_name text, largest bigint, gap integer)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  sequence constant text := pg_get_serial_sequence(table_name, column_name);
  last_value bigint;
begin
  execute format('select s.last_value from %s s', sequence) into last_value;
  if largest >= last_value then
    perform setval(sequence::regclass, largest + gap);
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.move_strays(since date)
 RETURNS TABLE(outcome text, subject text)
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
 SET enable_seqscan TO 'off'
AS $function$
-- A day that was made too late is in the default partition; once it is past, and so gets no more inserts, it moves to a
-- partition of its own, to go whole one day. In one transaction, which keeps readers out meanwhile: so only where that takes
-- milliseconds. What is more stays where it is, and goes row by row in the end.
declare
  -- 2,000 small events: 70 to 100 ms on two busy cores
  net_bytes_max constant bigint := 262144;
  lower_bound uuid;
  -- An insert of the day's last moment that waited while its day moved would fail.
  grace constant interval := '1 hour';
  upper_bound constant uuid := postrider.uuid_v7_floor(date_trunc('day', now() - grace, 'UTC'));
  parent text;
  net text;
  key text;
  stray uuid;
  day date;
begin
  foreach parent in array array['outbox', 'delivery', 'attempt'] loop
    net := parent || '_default';
    key := case parent when 'outbox' then 'id' else 'event_id' end;
    continue when pg_table_size(format('postrider.%I', net)::regclass) > net_bytes_max;
    lower_bound := postrider.uuid_v7_floor(since::timestamp at time zone 'UTC');
    loop
      execute format('select n.%I from postrider.%I n where n.%I >= $1 and n.%I < $2 order by n.%I limit 1', key, net, key, key, key)
        into stray using lower_bound, upper_bound;
      exit when stray is null;
      -- as if it were of version 7, which nothing makes it be
      day := (postrider.uuid_v7_time(overlay(stray::text placing '7' from 15)::uuid) at time zone 'UTC')::date;
      subject := parent || '_' || to_char(day, 'YYYYMMDD');
      if to_regclass(format('postrider.%I', subject)) is null then
        -- Subscribers would hear of the delete in the parent, and of the insert in a table that they may not have.
        exit when exists (
          select from pg_publication_tables p where p.schemaname = 'postrider' and p.tablename in (parent, net));
        outcome := 'moved';
        perform postrider.attach_partition(parent, day, with_strays => true);
        return next;
        return;
      end if;
      -- Somebody has detached that day, to keep it.
      lower_bound := postrider.uuid_v7_floor((day + 1)::timestamp at time zone 'UTC');
    end loop;
  end loop;
exception
  when lock_not_available then
    outcome := 'busy';
    return next;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.nearest_event_type(name text)
 RETURNS text
 LANGUAGE sql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 WITH letters AS MATERIALIZED (
          SELECT ARRAY( SELECT DISTINCT lower(substr(nearest_event_type.name, g.n, 2)) AS lower
                    FROM generate_series(1, (length(nearest_event_type.name) - 1)) g(n)) AS pairs
           WHERE (length(nearest_event_type.name) <= 258)
         ), known AS (
          SELECT t.name,
             ARRAY( SELECT DISTINCT lower(substr(t.name, g.n, 2)) AS lower
                    FROM generate_series(1, (length(t.name) - 1)) g(n)) AS pairs
            FROM postrider.event_type t
           WHERE (abs((length(t.name) - length(nearest_event_type.name))) <= 3)
           ORDER BY t.name
          LIMIT 1000
         )
  SELECT k.name
    FROM known k,
     letters l,
     LATERAL ( SELECT count(*) AS shared
            FROM unnest(k.pairs) p(pair)
           WHERE (p.pair = ANY (l.pairs))) s
   WHERE ((s.shared)::numeric >= (0.6 * (GREATEST(cardinality(k.pairs), cardinality(l.pairs)))::numeric))
   ORDER BY ((s.shared)::numeric / (GREATEST(cardinality(k.pairs), cardinality(l.pairs)))::numeric) DESC, k.name
  LIMIT 1;
END;

CREATE OR REPLACE FUNCTION postrider.new_secret()
 RETURNS text
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN ('whsec_'::text || encode(sha256(((uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || uuid_send(gen_random_uuid()))), 'base64'::text));

CREATE OR REPLACE FUNCTION postrider.note_action(action text, endpoint_id uuid, event_id uuid, detail jsonb)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 INSERT INTO postrider.audit (action, endpoint_id, event_id, detail)
   VALUES (note_action.action, note_action.endpoint_id, note_action.event_id, COALESCE(note_action.detail, '{}'::jsonb));
END;

CREATE OR REPLACE FUNCTION postrider.note_change(action text, endpoint_id uuid, list_name text, before jsonb, after jsonb)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  audit_id constant text := current_setting('postrider.audit_id', true);
  old_part constant jsonb := case when list_name is null then before else jsonb_build_object(list_name, jsonb_build_array(before)) end;
  new_part constant jsonb := case when list_name is null then after else jsonb_build_object(list_name, jsonb_build_array(after)) end;
begin
  if audit_id <> '' then
    update postrider.audit a
    set before = case when note_change.before is null then a.before
                      else coalesce(a.before, '{}') || case when list_name is null then old_part
                        else jsonb_build_object(list_name, coalesce(a.before -> list_name, '[]') || (old_part -> list_name)) end end,
        after = case when note_change.after is null then a.after
                     else coalesce(a.after, '{}') || case when list_name is null then new_part
                       else jsonb_build_object(list_name, coalesce(a.after -> list_name, '[]') || (new_part -> list_name)) end end
    where a.id::text = audit_id and a.transaction_id = pg_current_xact_id() and a.endpoint_id is not distinct from note_change.endpoint_id;
    if found then
      return;
    end if;
  end if;
  insert into postrider.audit (action, endpoint_id, before, after)
  values (action, endpoint_id, case when note_change.before is not null then old_part end,
          case when note_change.after is not null then new_part end);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.note_health(event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[], started_ms double precision[], durations_ms integer[], http_statuses smallint[], failure_kinds text[], errors text[])
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
-- A failure counts against the endpoint where it is one of the schedule that its event began: one of a delivery that was
-- sent again by hand (attempts_before is above 0) does not, since it was the operator who chose the moment. A success
-- counts always. Flushes of several daemons lock the rows in the order of the endpoints' ids, those that are there first
-- and then the new ones, so that they cannot deadlock; operators do not lock them at all. The times are of the record.
begin
  perform from postrider.endpoint_failure f
  where f.endpoint_id = any (note_health.endpoint_ids)
  order by f.endpoint_id
  for update;

  with attempted as (
    select r.endpoint_id, r.failure_kind, r.http_status, r.error, r.started_ms + r.duration_ms as ended_ms
    from unnest(event_ids, endpoint_ids, attempt_ids, started_ms, durations_ms, http_statuses, failure_kinds, errors)
      r (event_id, endpoint_id, attempt_id, started_ms, duration_ms, http_status, failure_kind, error)
    where r.attempt_id is not null
      and (r.failure_kind is null or not exists (
        select from postrider.delivery d
        where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id and (d.attempts_before > 0 or d.replay_id is not null)))
  ), success as (
    select a.endpoint_id, max(a.ended_ms) as ended_ms from attempted a where a.failure_kind is null group by a.endpoint_id
  ), failure as (
    select a.endpoint_id, count(*) filter (where s.ended_ms is null or a.ended_ms > s.ended_ms) as in_a_row,
           count(s.ended_ms) > 0 as has_success,
           (array_agg(a.failure_kind order by a.ended_ms desc))[1] as failure_kind,
           (array_agg(a.http_status order by a.ended_ms desc))[1] as http_status,
           (array_agg(a.error order by a.ended_ms desc))[1] as error
    from attempted a
    left join success s on s.endpoint_id = a.endpoint_id
    where a.failure_kind is not null
    group by a.endpoint_id
  ), recovered as (
    update postrider.endpoint_failure f
    set consecutive_failures = 0, failing_since = null, recovered_at = now()
    from success s
    where f.endpoint_id = s.endpoint_id and f.consecutive_failures > 0
      and not exists (select from failure n where n.endpoint_id = s.endpoint_id)
  )
  insert into postrider.endpoint_failure as f (
    endpoint_id, consecutive_failures, failing_since, last_failure_at, last_failure_kind, last_http_status, last_error,
    recovered_at)
  select n.endpoint_id, n.in_a_row, case when n.in_a_row > 0 then now() end, now(), n.failure_kind, n.http_status, n.error,
         case when n.has_success then now() end
  from failure n
  where exists (select from postrider.endpoint e where e.id = n.endpoint_id)
  order by n.endpoint_id
  on conflict (endpoint_id) do update
  set consecutive_failures =
        excluded.consecutive_failures + case when excluded.recovered_at is null then f.consecutive_failures else 0 end,
      failing_since = case when excluded.recovered_at is null then coalesce(f.failing_since, excluded.failing_since)
                           else excluded.failing_since end,
      last_failure_at = excluded.last_failure_at,
      last_failure_kind = excluded.last_failure_kind,
      last_http_status = excluded.last_http_status,
      last_error = excluded.last_error,
      recovered_at = coalesce(excluded.recovered_at, f.recovered_at);

  -- One that an operator is about to change is not waited for: the next failure disables it.
  perform postrider.set_endpoint_state(e.id, 'disabled', e.reason, 'disable_endpoint')
  from (
    select n.id,
           format('nothing but failures since %s: %s of them, the last one: %s',
                  to_char(f.failing_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), f.consecutive_failures, f.last_error) as reason
    from postrider.endpoint n
    join postrider.endpoint_failure f on f.endpoint_id = n.id
    where n.id = any (note_health.endpoint_ids) and n.state = 'active' and f.consecutive_failures > 0
      -- an endpoint that was resumed or enabled has all its time again
      and greatest(f.failing_since, n.state_changed_at) + n.disable_after <= now()
      and f.last_failure_at = now()
    for update of n skip locked) e;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.note_replay_failure()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into postrider.replay_failure (replay_id, state) values (new.replay_id, new.state);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.note_replay_problem(replay_id uuid, problem text)
 RETURNS void
 LANGUAGE sql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 UPDATE postrider.replay r SET reason = note_replay_problem.problem, next_step_at = (clock_timestamp() + '00:00:10'::interval)
   WHERE ((r.id = note_replay_problem.replay_id) AND (r.finished_at IS NULL) AND (r.state <> 'cancelled'::text));
END;

CREATE OR REPLACE FUNCTION postrider.notify_daemons()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  if not postrider.is_wake_off()
    -- a full queue makes the transactions that notify fail at their commit; polling finds what there is all the same
    and pg_catalog.pg_notification_queue_usage() < 0.5
  then
    perform pg_catalog.pg_notify('postrider', '');
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.object_predicate(checks jsonb, place text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- each further one nests the predicate deeper
  properties_max constant integer := 500;
  parts text[];
begin
  if (select count(*) from jsonb_object_keys(checks -> 'properties')) > properties_max
    or jsonb_array_length(checks -> 'required') > properties_max
  then
    return null;
  end if;
  parts := array(
    select format('!((exists (@.%s)) is unknown)', to_json(r.name)) from jsonb_array_elements_text(checks -> 'required') r (name))
  || array(
    select format('((exists (@.%1$s)) is unknown || exists (@.%1$s ? ', to_json(p.key)) || postrider.schema_predicate(p.value, postrider.place_within(postrider.place_within(place, 'properties'), p.key)) || '))'
    from jsonb_each(checks -> 'properties') p);
  if checks ? 'additionalProperties' then
    parts := parts || ('!(exists (@.keyvalue() ? ('
      || case when checks -> 'known' <> '[]' then format('!(@.key == %s[*]) && ', postrider.place_within(place, 'known')) else '' end
      || '!(exists (@.value ? ' || postrider.schema_predicate(checks -> 'additionalProperties', postrider.place_within(place, 'additionalProperties')) || ')))))');
  end if;
  return postrider.conjunction(parts);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.open_ingest(name text, path text, run_id uuid, is_resumed boolean, filter text, event_type text)
 RETURNS TABLE(outcome text, batch bigint, file_id text, file_modified_ns bigint, fingerprint text, byte_offset bigint, line_number bigint, lines bigint, events bigint, unmatched bigint, refused bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  parsed jsonpath;
  position record;
begin
  -- Otherwise each line would be refused, one by one, and the position moved behind them all.
  if not open_ingest.is_resumed then
    perform postrider.refuse_if_unknown(open_ingest.event_type);
  end if;
  if open_ingest.filter is not null then
    parsed := postrider.parse_filter(open_ingest.filter);
    begin
      perform jsonb_path_match('{}', parsed);
    exception when data_exception then -- no single item, or, in strict mode, no such member
      raise exception 'the filter % is no predicate', quote_literal(open_ingest.filter)
        using errcode = 'invalid_parameter_value',
          detail = 'It selects something from the line; a filter says whether the line matches.',
          hint = 'Compare: $.level >= 50, $.status == "paid", exists($.err).';
    end;
  end if;
  if not pg_try_advisory_lock(postrider.ingest_lock_key(open_ingest.name)) then
    outcome := 'busy';
    return next;
    return;
  end if;
  if not open_ingest.is_resumed then
    -- what runs have left behind that read their input and could not say goodbye
    delete from postrider.ingest_position p
    where p.path is null and p.updated_at < now() - interval '1 day' and p.name <> open_ingest.name
      and pg_try_advisory_xact_lock(postrider.ingest_lock_key(p.name));
    insert into postrider.ingest_position (name, path, run_id) values (open_ingest.name, open_ingest.path, open_ingest.run_id)
    on conflict on constraint ingest_position_pkey do nothing;
    outcome := case when found then 'new' else 'known' end;
  else
    outcome := 'known';
  end if;
  select p.name, p.role_name, p.path, p.run_id, p.batch, p.file_id, p.file_modified_ns, p.fingerprint, p.byte_offset, p.line_number,
         p.lines, p.events, p.unmatched, p.refused
  into position
  from postrider.ingest_position p
  where p.name = open_ingest.name
  for update;
  if found then
    perform postrider.require_ingest_role(position.name, position.role_name);
  end if;
  if position.name is null or open_ingest.is_resumed and position.run_id <> open_ingest.run_id then
    outcome := 'displaced';
  elsif position.path is distinct from open_ingest.path then
    raise exception 'the ingest % reads %', quote_literal(position.name), coalesce(quote_literal(position.path), 'standard input')
      using errcode = 'duplicate_object', hint = 'Give this one another --name.';
  elsif not open_ingest.is_resumed then
    update postrider.ingest_position p set run_id = open_ingest.run_id, batch = 0 where p.name = open_ingest.name;
    position.batch := 0;
  end if;
  batch := position.batch;
  file_id := position.file_id;
  file_modified_ns := position.file_modified_ns;
  fingerprint := position.fingerprint;
  byte_offset := position.byte_offset;
  line_number := position.line_number;
  lines := position.lines;
  events := position.events;
  unmatched := position.unmatched;
  refused := position.refused;
  return next;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.outbox_idempotency()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  insert into postrider.idempotency_key (tenant, idempotency_key, event_id)
  values (new.tenant, new.idempotency_key, new.id)
  on conflict on constraint idempotency_key_pkey do nothing;
  return case when found then new end;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.outbox_refuse()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  defined record;
begin
  if new.xid is distinct from pg_current_xact_id() then
    raise exception 'cannot insert an event with an xid of another transaction'
      using errcode = 'check_violation',
        detail = format('The row says %s; this transaction is %s. Claims find events by xid, so the event would be lost or sent out of order.', new.xid, pg_current_xact_id()),
        hint = 'Leave xid out of the insert: it is filled in. To restore data alone: pg_dump --data-only --load-via-partition-root, then PGOPTIONS=''-c session_replication_role=replica'' pg_restore --data-only.';
  elsif new.event_type is null or new.payload is null then
    return new; -- which the table refuses itself
  end if;
  select t.enforce, t.checks, t.predicate, t.value_steps, t.object_steps, t.byte_steps into defined from postrider.event_type t where t.name = new.event_type;
  if defined.enforce then
    perform postrider.judge_payload(new.event_type, new.payload, defined.checks, defined.predicate, defined.value_steps,
      defined.object_steps, defined.byte_steps);
  elsif defined.enforce is null then
    perform postrider.refuse_if_unknown(new.event_type);
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.outbox_wake()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  perform postrider.wake_daemons();
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.parse_filter(filter text)
 RETURNS jsonpath
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  return filter::jsonpath;
exception when syntax_error or data_exception then
  raise exception 'the filter % is no SQL/JSON path', quote_literal(filter)
    using errcode = 'invalid_parameter_value', detail = sqlerrm,
      hint = 'A filter is a predicate over the payload, such as $.amount > 100 or $.status == "paid".';
end
$function$;

CREATE OR REPLACE FUNCTION postrider.partition_time(id uuid)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN to_timestamp((((((('x'::text || translate("left"((id)::text, 13), '-'::text, ''::text)))::bit(48))::bigint)::numeric / 1000.0))::double precision);

CREATE OR REPLACE FUNCTION postrider.pause_endpoint(id uuid, reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
begin
  if postrider.lock_endpoint(id) = 'disabled' then
    raise exception 'endpoint % is disabled', id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(id).';
  end if;
  perform postrider.set_endpoint_state(id, 'paused', reason, 'pause_endpoint');
end
$function$;

CREATE OR REPLACE FUNCTION postrider.payload_problem(checks jsonb, value jsonb, pointer text, INOUT steps_left integer, OUT problem text)
 RETURNS record
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
declare
  kind constant text := jsonb_typeof(value);
  missing text;
  branch jsonb;
  walked record;
  option_problems text[] := '{}';
begin
  -- A step is 20 us of work. So much takes an ordinary value; half a kilobyte of checks, where it is gone through for what is
  -- inside; four where a scalar is looked for in it; 16 of the value, to be copied and counted; one of the pointer.
  steps_left := steps_left - 1 - pg_column_size(checks) / case when kind in ('object', 'array') then 512 else 4096 end
    - pg_column_size(value) / 16384 - octet_length(pointer) / 1024;
  if steps_left < 0 then
    problem := 'no more steps are left';
    return;
  end if;
  problem := postrider.scalar_problem(checks, value);
  if problem is null and kind = 'object' and checks ? 'required' then
    select r.name into missing
    from jsonb_array_elements_text(checks -> 'required') with ordinality r (name, place)
    where not value ? r.name
    order by r.place
    limit 1;
    problem := 'the required property ' || postrider.shown_pointer(missing) || ' is missing';
  end if;
  if problem is not null then
    problem := format('at %s: %s', postrider.shown_pointer(pointer), problem);
    return;
  end if;
  if kind = 'object' and checks ?| '{properties,additionalProperties}' then
    walked := postrider.properties_problem(checks, value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
  elsif kind = 'array' and checks ? 'items' then
    walked := postrider.elements_problem(checks -> 'items', value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
  end if;
  if problem is null and checks ?| '{$ref,allOf}' then
    for branch in
      select checks -> '$ref' where checks ? '$ref' union all select a.checks from jsonb_array_elements(payload_problem.checks -> 'allOf') a (checks)
    loop
      walked := postrider.payload_problem(branch, value, pointer, steps_left);
      steps_left := walked.steps_left;
      problem := walked.problem;
      exit when problem is not null;
    end loop;
  end if;
  if problem is not null or not checks ? 'anyOf' then
    return;
  end if;
  for branch in select o.checks from jsonb_array_elements(payload_problem.checks -> 'anyOf') o (checks) loop
    walked := postrider.payload_problem(branch, value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    if problem is null or steps_left < 0 then
      return;
    end if;
    option_problems := option_problems || problem;
  end loop;
  problem := format('at %s: none of the %s schemas of anyOf fits: %s', postrider.shown_pointer(pointer),
    cardinality(option_problems), left(array_to_string(option_problems[1:3], '; '), 600));
end
$function$;

CREATE OR REPLACE FUNCTION postrider.payload_steps(payload text, value_steps bigint, object_steps bigint, byte_steps bigint)
 RETURNS bigint
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN (SELECT (((payload_steps.value_steps * ((((1 + n.commas) + n.arrays) + n.objects) + (n.bytes / 64))) + (payload_steps.object_steps * n.objects)) + (payload_steps.byte_steps * n.bytes)) FROM (SELECT octet_length(payload_steps.payload) AS bytes, (octet_length(payload_steps.payload) - octet_length(replace(payload_steps.payload, ','::text, ''::text))) AS commas, (octet_length(payload_steps.payload) - octet_length(replace(payload_steps.payload, '['::text, ''::text))) AS arrays, (octet_length(payload_steps.payload) - octet_length(replace(payload_steps.payload, '{'::text, ''::text))) AS objects) n);

CREATE OR REPLACE FUNCTION postrider.place_within(place text, name text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (CASE WHEN (place = '$'::text) THEN '$'::text ELSE (place || '.'::text) END || to_json(name));

CREATE OR REPLACE FUNCTION postrider.pointer_step(name text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN ('/'::text || replace(replace(name, '~'::text, '~0'::text), '/'::text, '~1'::text));

CREATE OR REPLACE FUNCTION postrider.predicate_for(kind text, types jsonb, predicate text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (types = jsonb_build_array(kind)) THEN predicate ELSE ((format('(@.type() != "%s" || '::text, kind) || predicate) || ')'::text) END;

CREATE OR REPLACE FUNCTION postrider.predicate_steps(checks jsonb, OUT value_steps bigint, OUT object_steps bigint, OUT byte_steps bigint)
 RETURNS record
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  names constant integer := coalesce(jsonb_array_length(checks -> 'known'), 0);
  options constant integer := coalesce(jsonb_array_length(checks -> 'enum'), 0);
  bounds constant integer := (select count(*) from jsonb_object_keys(checks) k (name) where k.name ~ '^(min|max|exclusive|const)');
  inside record;
  branches record;
begin
  value_steps := 10 + 4 * coalesce(jsonb_array_length(checks -> 'type'), 0) + 10 * bounds
    + case when options = 0 then 0 when postrider.is_listed(checks -> 'enum') then 10 + options * 4 / 5 else 4 * options end;
  object_steps := 6 * (select count(*) from jsonb_object_keys(checks -> 'properties')) + 4 * coalesce(jsonb_array_length(checks -> 'required'), 0);
  -- a regular expression makes a state of each character that it counts
  byte_steps := case when (checks -> 'minLength')::numeric > 1 then 4 else 0 end + case when checks ? 'maxLength' then 4 else 0 end;
  -- What is inside has a place of its own: a value is judged by the dearest at most.
  select coalesce(max(c.value_steps), 0) + case when checks ? 'additionalProperties' then 40 + names * 4 / 5 else 0 end as value_steps,
         coalesce(max(c.object_steps), 0) as object_steps, coalesce(max(c.byte_steps), 0) as byte_steps
  into inside
  from (
    select p.value from jsonb_each(checks -> 'properties') p
    union all select i.value from jsonb_each(checks) i where i.key in ('items', 'additionalProperties')) part (schema)
  cross join lateral postrider.predicate_steps(part.schema) c;
  -- These judge the same value, each of them.
  select coalesce(sum(c.value_steps), 0) as value_steps, coalesce(sum(c.object_steps), 0) as object_steps, coalesce(sum(c.byte_steps), 0) as byte_steps
  into branches
  from (
    select checks -> '$ref' where checks ? '$ref'
    union all select a.value from jsonb_array_elements(checks -> 'anyOf') a
    union all select a.value from jsonb_array_elements(checks -> 'allOf') a) part (schema)
  cross join lateral postrider.predicate_steps(part.schema) c;
  value_steps := greatest(value_steps, inside.value_steps) + branches.value_steps;
  object_steps := greatest(object_steps, inside.object_steps) + branches.object_steps;
  byte_steps := greatest(byte_steps, inside.byte_steps) + branches.byte_steps;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.prepare_deliveries(replay postrider.replay, after_event uuid, events_max integer, deliveries_max integer, OUT place uuid, OUT prepared integer, OUT left_alone integer, OUT is_held_up boolean)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
-- Makes the deliveries of one stretch. Rows that somebody has locked are not waited for, and not passed over either: the
-- cursor stays before the first of them.
declare
  judge_ms constant integer := 100;
  new_events uuid[];
  finished_events uuid[];
  busy_events uuid[];
  held_events uuid[];
  first_locked uuid;
  added integer;
begin
  with stretch as materialized (
    select s.event_id, s.verdict
    from postrider.replay_stretch(replay, prepare_deliveries.after_event, events_max, judge_ms) s
  ), chosen as (
    select s.event_id, s.verdict from stretch s where s.verdict in ('new', 'again') order by s.event_id limit deliveries_max
  )
  select array_agg(c.event_id order by c.event_id) filter (where c.verdict = 'new'),
         array_agg(c.event_id order by c.event_id) filter (where c.verdict = 'again'),
         (select array_agg(s.event_id) from stretch s where s.verdict = 'under way'),
         case
           when count(*) = deliveries_max then (array_agg(c.event_id order by c.event_id))[count(*)]
           else (select s.event_id from stretch s where s.verdict = 'end')
         end
  into new_events, finished_events, busy_events, place
  from chosen c;

  held_events := array(
    select d.event_id
    from unnest(finished_events) f (event_id)
    join postrider.delivery d on d.event_id = f.event_id and d.endpoint_id = replay.endpoint_id
    -- it may have been sent since the look
    where d.state <> 'pending' and d.finished_at <= replay.created_at
    order by d.event_id
    for update of d skip locked);
  select f.event_id into first_locked
  from unnest(finished_events) f (event_id)
  where f.event_id <> all (held_events)
  order by f.event_id
  limit 1;
  is_held_up := first_locked is not null;
  if is_held_up then
    place := coalesce(
      (select u.event_id from unnest(new_events || finished_events) u (event_id) where u.event_id < first_locked order by u.event_id desc limit 1),
      prepare_deliveries.after_event);
  end if;

  update postrider.delivery d
  set state = 'pending', next_attempt_at = clock_timestamp(), finished_at = null, attempts_before = d.attempts,
      replay_id = replay.id, state_before = d.state
  from unnest(held_events) h (event_id)
  where h.event_id <= place and d.event_id = h.event_id and d.endpoint_id = replay.endpoint_id;
  get diagnostics prepared = row_count;

  insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, replay_id)
  select n.event_id, replay.endpoint_id, 'pending', clock_timestamp(), replay.id
  from unnest(new_events) n (event_id)
  where n.event_id <= place
  on conflict do nothing; -- somebody has made it since the look
  get diagnostics added = row_count;
  prepared := prepared + added;
  select (select count(*) from unnest(busy_events) b (event_id) where b.event_id <= place)
         + (select count(*) from unnest(new_events) n (event_id) where n.event_id <= place) - added
  into left_alone;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.prepare_replay(replay_id uuid, OUT outcome text, OUT prepared integer)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  pace_min constant integer := 8;
  pace_max constant integer := 500;
  -- retries included, so that an endpoint which fails everything stops its replay
  pending_max constant integer := 5000;
  -- what one step looks at: where few events match, a step is made of many stretches
  stretch_min constant integer := 200;
  look_max constant integer := 10000;
  step_time constant interval := '50 ms';
  step_gap constant interval := '100 ms';
  preparing_gap_max constant interval := '5 s';
  delivering_gap_max constant interval := '60 s';
  started constant timestamptz := clock_timestamp();
  replay postrider.replay;
  range_end uuid;
  endpoint_state text;
  is_next boolean;
  pending integer;
  unsent integer;
  looked_at integer := 0;
  has_moved boolean := false;
  part record;
begin
  perform postrider.require_home();
  prepared := 0;
  -- not found: another daemon has it, or an operator who is cancelling it
  replay := (
    select r from postrider.replay r
    where r.id = prepare_replay.replay_id and r.finished_at is null and r.next_step_at <= started
    for update skip locked);
  if replay.id is null then
    outcome := 'busy';
    return;
  end if;
  range_end := postrider.replay_end(replay.until);

  select e.state into endpoint_state from postrider.endpoint e where e.id = replay.endpoint_id;
  if replay.state = 'cancelled' or endpoint_state is null or endpoint_state = 'disabled' then
    perform postrider.end_replay(replay.id,
      case when replay.state = 'cancelled' then replay.reason else postrider.discard_reason(endpoint_state) end);
    select case when r.finished_at is null then 'cancelling' else 'cancelled' end into outcome
    from postrider.replay r
    where r.id = replay.id;
    return;
  end if;

  select count(*), count(*) filter (where w.lease_expires_at is null and w.next_attempt_at <= started)
  into pending, unsent
  from (
    select d.next_attempt_at, d.lease_expires_at
    from postrider.delivery d
    where d.replay_id = replay.id and d.state = 'pending'
    limit pending_max) w;

  if replay.state = 'preparing' then
    is_next := not exists (
      select from postrider.replay o
      where o.endpoint_id = replay.endpoint_id and o.state = 'preparing' and o.id < replay.id);
    if unsent * 2 > replay.pace then
      replay.pace := greatest(pace_min, replay.pace * 3 / 4);
    elsif is_next and endpoint_state = 'active' and pending < pending_max then
      if unsent = 0 and replay.prepared > 0 then
        replay.pace := least(pace_max, replay.pace * 2);
      end if;
      loop
        part := postrider.prepare_deliveries(replay, replay.after_event, greatest(stretch_min, replay.pace), replay.pace - prepared);
        prepared := prepared + part.prepared;
        replay.left_alone := replay.left_alone + part.left_alone;
        looked_at := looked_at + greatest(stretch_min, replay.pace);
        has_moved := has_moved or part.place > replay.after_event;
        replay.after_event := part.place;
        exit when part.is_held_up or prepared >= replay.pace or replay.after_event >= range_end
          or looked_at >= look_max or clock_timestamp() - started > step_time;
      end loop;
    end if;
    if replay.after_event >= range_end then
      replay.state := 'delivering';
    end if;
  end if;
  if replay.state = 'delivering' and pending = 0 and prepared = 0 then
    replay.state := 'done';
    replay.finished_at := clock_timestamp();
  end if;
  if has_moved then
    replay.progressed_at := clock_timestamp();
  end if;

  update postrider.replay r
  set state = replay.state, reason = null, after_event = replay.after_event, prepared = r.prepared + prepare_replay.prepared,
      left_alone = replay.left_alone, pace = replay.pace, progressed_at = replay.progressed_at, finished_at = replay.finished_at,
      -- the longer nothing has moved, the longer the pause; and none where the step found nothing to send and is to look on
      next_step_at = clock_timestamp() + case
        when has_moved and prepare_replay.prepared = 0 then interval '0'
        else least(greatest((clock_timestamp() - replay.progressed_at) / 10, step_gap),
                   case when replay.state = 'delivering' then delivering_gap_max else preparing_gap_max end)
      end
  where r.id = replay.id;
  -- after the look at what is pending: what has finished by then is here by now
  perform postrider.count_replay_failures(replay.id);
  outcome := replay.state;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.present_place(OUT system_identifier bigint, OUT database_oid oid)
 RETURNS record
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  select d.oid into database_oid from pg_database d where d.datname = current_database();
  if (select s.is_guarded from postrider.sending s) then
    select c.system_identifier into system_identifier from pg_control_system() c;
  end if;
exception
  when insufficient_privilege or undefined_function then
    raise exception 'cannot tell which cluster this is'
      using errcode = 'PR014',
        detail = format('%s may not call pg_control_system()', current_user),
        hint = format('grant execute on function pg_control_system() to %I; or, so that a copy in another cluster is no longer noticed: update postrider.sending set is_guarded = false, and, where events were claimed and this is no copy that must not send, "postrider adopt"', current_user);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.properties_problem(checks jsonb, whole jsonb, pointer text, INOUT steps_left integer, OUT problem text)
 RETURNS record
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
declare
  properties constant jsonb := coalesce(checks -> 'properties', '{}');
  additional constant jsonb := checks -> 'additionalProperties';
  part record;
  name text;
  walked record;
begin
  for part in select p.key as name, p.value as checks from jsonb_each(properties) p loop
    continue when not whole ? part.name;
    walked := postrider.payload_problem(part.checks, whole -> part.name, pointer || postrider.pointer_step(part.name), steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
  if problem is not null or additional is null or additional = '{}' then
    return;
  end if;
  -- In this place Postgres takes one name after the other: from a from-clause all would be written down first.
  for name in select jsonb_object_keys(whole) loop
    continue when properties ? name;
    walked := postrider.payload_problem(additional, whole -> name, pointer || postrider.pointer_step(name), steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.publish(event_type text, payload json, tenant text DEFAULT ''::text, ordering_key text DEFAULT NULL::text, deliver_at timestamp with time zone DEFAULT NULL::timestamp with time zone, idempotency_key text DEFAULT NULL::text, attributes jsonb DEFAULT NULL::jsonb)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  event_id uuid;
begin
  insert into postrider.outbox (event_type, payload, tenant, ordering_key, deliver_at, idempotency_key, attributes)
  values (publish.event_type, publish.payload, coalesce(publish.tenant, ''), publish.ordering_key, publish.deliver_at,
          publish.idempotency_key, publish.attributes)
  returning id into event_id;
  if event_id is null then
    select k.event_id into event_id
    from postrider.idempotency_key k
    where k.tenant = coalesce(publish.tenant, '') and k.idempotency_key = publish.idempotency_key;
  end if;
  return event_id;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.record_results(daemon_id uuid, is_first boolean, is_repeat boolean, event_ids uuid[], endpoint_ids uuid[], claim_ids bigint[], attempts_before_now integer[], attempt_ids uuid[], started_ms double precision[], durations_ms integer[], http_statuses smallint[], failure_kinds text[], errors text[], response_headers json[], response_bodies text[], states text[], waits_ms bigint[], reasons text[], finished_claims bigint[], gone_endpoints uuid[], OUT kept_claims bigint[], OUT locked integer[])
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
-- Facts are always accepted: an attempt happened, so its row goes in, once. Decisions are fenced: the state of a first
-- delivery is decided by the daemon that holds its claim, and by whoever writes the row first; the state of a leased one
-- by the owner of the lease, for the attempt it was leased for.
--
-- The arrays are columns, one element a result; one that is null is null throughout. Arrays cost Postgres 3 us a result
-- where a JSON document costs 7 to 8. attempt_ids: null where no request was made; attempts_before_now: how many were
-- made before; started_ms: Unix time; states: succeeded, pending (again in waits_ms), exhausted or discarded (reasons).
-- Results come sorted by event and endpoint, so that two daemons that record the same deliveries cannot deadlock.
--
-- is_repeat: rows that are there already are left out. It is asked for where they may be: after an answer that was lost,
-- or after unique_violation told so. `on conflict` would do it every time, for 90 bytes of WAL and 3 us a result.
declare
  held_claims bigint[];
  new_attempts uuid[] := attempt_ids;
begin
  -- A crash of Postgres can take back the records of its last second; those deliveries are repeated, none is lost.
  perform set_config('synchronous_commit', 'off', true);

  if is_repeat then
    new_attempts := array(
      select case when not exists (
        select from postrider.attempt a
        where a.event_id = r.event_id and a.endpoint_id = r.endpoint_id and a.id = r.attempt_id
        offset 0) then r.attempt_id end
      from unnest(event_ids, endpoint_ids, attempt_ids) with ordinality r (event_id, endpoint_id, attempt_id, n)
      order by r.n);
  end if;
  insert into postrider.attempt (
    event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error,
    response_headers, response_body)
  select r.event_id, r.endpoint_id, r.attempt_id, record_results.daemon_id, to_timestamp(r.started_ms / 1000),
         r.attempts + 1, r.duration_ms, r.http_status, r.failure_kind, r.error, r.headers, r.body
  from unnest(event_ids, endpoint_ids, new_attempts, attempts_before_now, started_ms, durations_ms, http_statuses,
              failure_kinds, errors, response_headers, response_bodies)
    r (event_id, endpoint_id, attempt_id, attempts, started_ms, duration_ms, http_status, failure_kind, error, headers, body)
  where r.attempt_id is not null;

  -- What would wait, and was cancelled meanwhile, or is for an endpoint that is disabled or deleted by now, is discarded.
  if 'pending' = any (states) then
    select array_agg(case when r.state <> 'pending' or (c.reason is null and e.state <> 'disabled') then r.state
                          else 'discarded' end order by r.n),
           array_agg(case when r.state <> 'pending' or (c.reason is null and e.state <> 'disabled') then r.reason
                          else coalesce(c.reason, postrider.discard_reason(e.state)) end order by r.n)
    into states, reasons
    from unnest(event_ids, endpoint_ids, states, reasons) with ordinality r (event_id, endpoint_id, state, reason, n)
    left join postrider.endpoint e on e.id = r.endpoint_id
    left join postrider.cancellation c on c.event_id = r.event_id and c.endpoint_id = r.endpoint_id;
  end if;

  if is_first then
    -- locked, so that nobody takes the claim over before these rows can be seen
    held_claims := array(
      select c.id from postrider.claim c
      where c.id in (select distinct u from unnest(claim_ids) u) and c.daemon_id = record_results.daemon_id
      order by c.id
      for share);
    insert into postrider.delivery (event_id, endpoint_id, finished_at, next_attempt_at, attempts, state, reason)
    select r.event_id, r.endpoint_id,
           case when r.state <> 'pending' then clock_timestamp() end,
           case when r.state = 'pending' then clock_timestamp() + r.wait_ms * interval '1 ms' end,
           r.attempts + (r.attempt_id is not null)::integer, r.state, r.reason
    from unnest(event_ids, endpoint_ids, claim_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons)
      r (event_id, endpoint_id, claim_id, attempt_id, attempts, state, wait_ms, reason)
    where r.claim_id = any (held_claims)
      and (not is_repeat or not exists (
        select from postrider.delivery d where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        offset 0));
  else
    -- A row that somebody else has locked, an operator in an open transaction, is not waited for: every other result
    -- would wait with it. Its result is told to be left.
    -- That it is pending is not asked for: only what is pending is leased, and with the question delivery_due could be
    -- taken for the look-up; then every delivery that waits was read for each flush (58,000 pages for 50 results).
    with held as (
      select d.event_id, d.endpoint_id, r.n, r.attempt_id, r.attempts, r.state, r.wait_ms, r.reason
      from unnest(event_ids, endpoint_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons) with ordinality
        r (event_id, endpoint_id, attempt_id, attempts, state, wait_ms, reason, n)
      cross join lateral (
        select l.event_id, l.endpoint_id
        from postrider.delivery l
        where l.event_id = r.event_id and l.endpoint_id = r.endpoint_id
          and l.leased_by = record_results.daemon_id and l.attempts = r.attempts
        for update skip locked) d
    ), decided as (
      update postrider.delivery d
      set attempts = h.attempts + (h.attempt_id is not null)::integer,
          state = h.state,
          finished_at = case when h.state <> 'pending' then clock_timestamp() end,
          next_attempt_at = case when h.state = 'pending' then clock_timestamp() + h.wait_ms * interval '1 ms' end,
          leased_by = null,
          lease_expires_at = null,
          reason = h.reason
      from held h
      where d.event_id between h.event_id and h.event_id and d.endpoint_id = h.endpoint_id
    )
    select array_agg(r.n::integer) into locked
    from unnest(event_ids, endpoint_ids, attempts_before_now) with ordinality r (event_id, endpoint_id, attempts, n)
    -- in this order: what was held needs no second look
    where case when r.n not in (select h.n from held h) then exists (
      select from postrider.delivery d
      where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        and d.leased_by = record_results.daemon_id and d.attempts = r.attempts
      offset 0) end;
  end if;

  -- Health last, so that no other flush waits for these rows longer than it takes. A success is looked at only where
  -- failures came before it: one probe for each endpoint of the flush, of a table that most endpoints are never in.
  if cardinality(array_remove(failure_kinds, null)) > 0
    or exists (select from postrider.endpoint_failure f where f.endpoint_id = any (endpoint_ids) and f.consecutive_failures > 0)
  then
    perform postrider.note_health(
      event_ids, endpoint_ids, new_attempts, started_ms, durations_ms, http_statuses, failure_kinds, errors);
  end if;

  if cardinality(gone_endpoints) > 0 then
    -- one that an operator is about to change is not waited for: the next 410 disables it
    perform postrider.set_endpoint_state(e.id, 'disabled', 'the receiver answered 410 Gone', 'disable_endpoint')
    from (
      select n.id from postrider.endpoint n
      where n.id = any (gone_endpoints) and n.state <> 'disabled'
      for update skip locked) e;
  end if;

  if cardinality(finished_claims) > 0 then
    -- The newest row is the cursor and stays, until the next claim has made a newer one. And a claim goes only when each
    -- of its pairs has its row: a crash of Postgres may have taken back what an earlier flush recorded, and what is then
    -- neither returned nor taken away is one that its daemon does not know of, and adopts.
    delete from postrider.claim c
    where c.id = any (finished_claims) and c.daemon_id = record_results.daemon_id
      and case when c.id < (select n.id from postrider.claim n order by n.id desc limit 1)
            then postrider.is_recorded(c.event_ids, c.endpoint_ids) end;
    kept_claims := array(
      select c.id from postrider.claim c
      where c.id = any (finished_claims) and c.daemon_id = record_results.daemon_id
        and postrider.is_recorded(c.event_ids, c.endpoint_ids));
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.redeliver(event_id uuid, endpoint_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  endpoint_state text;
  leased boolean;
begin
  perform postrider.require_endpoint(endpoint_id);
  select e.state into endpoint_state from postrider.endpoint e where e.id = endpoint_id;
  if endpoint_state = 'disabled' then
    raise exception 'endpoint % is disabled', endpoint_id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(endpoint_id).';
  end if;
  if not exists (select from postrider.outbox o where o.id = event_id) then
    raise exception 'there is no event %', coalesce(event_id::text, 'null')
      using errcode = 'no_data_found', hint = 'It may be past its retention.';
  end if;
  update postrider.delivery d
  set state = 'pending', next_attempt_at = now(), finished_at = null, reason = null, attempts_before = d.attempts,
      leased_by = null, lease_expires_at = null,
      -- one that a replay has finished with is no longer the replay's
      replay_id = case when d.state = 'pending' then d.replay_id end,
      state_before = case when d.state = 'pending' then d.state_before end
  where d.event_id = event_id and d.endpoint_id = endpoint_id
    and (d.lease_expires_at is null or d.lease_expires_at <= now());
  if not found then
    if exists (select from postrider.in_flight f where f.event_id = event_id and f.endpoint_id = endpoint_id) then
      raise exception 'the delivery of event % to endpoint % is in flight', event_id, endpoint_id
        using errcode = 'object_in_use', hint = 'Wait for its end: it is in postrider.in_flight.';
    end if;
    raise exception 'there is no delivery of event % to endpoint %', event_id, endpoint_id
      using errcode = 'no_data_found', hint = 'postrider.explain_event(event_id) says why: it did not match, or has not been claimed yet.';
  end if;
  -- a cancel from before, whose daemon has died since
  delete from postrider.cancellation c where c.event_id = event_id and c.endpoint_id = endpoint_id;
  perform postrider.note_action('redeliver', endpoint_id, event_id, null);
  perform postrider.notify_daemons();
end
$function$;

CREATE OR REPLACE FUNCTION postrider.refresh_judged_event_types()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
AS $function$
declare
  entry record;
begin
  perform postrider.set_judged_event_types();
  -- pg_restore --disable-triggers enables them again, but not always.
  for entry in
    select t.tgrelid::regclass as table_name, t.tgname as trigger_name
    from pg_trigger t
    where t.tgrelid in ('postrider.event_type'::regclass, 'postrider.event_type_policy'::regclass)
      and t.tgfoid = 'postrider.write_judged_event_types'::regproc and t.tgenabled <> 'A'
  loop
    execute format('alter table %s enable always trigger %I', entry.table_name, entry.trigger_name);
  end loop;
exception
  when lock_not_available then
    null; -- somebody is editing the catalogue, or setting it right: maintain() looks again
end
$function$;

CREATE OR REPLACE FUNCTION postrider.refuse_captured_truncate()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  raise exception 'cannot truncate %: its deletes are captured as events of the type %', tg_relid::regclass, tg_argv[0]
    using errcode = 'object_not_in_prerequisite_state',
      detail = 'A truncate does not say which rows it takes away, so that there would be no events of them.',
      hint = format('Delete the rows instead, or first: select postrider.uncapture(%L, %L).', tg_relid::regclass, tg_argv[0]);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.refuse_if_unknown(event_type text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if left(event_type, 10) <> 'postrider.'
    and exists (select from postrider.event_type_policy p where p.unknown_types = 'refused')
    and not exists (select from postrider.event_type t where t.name = refuse_if_unknown.event_type)
  then
    perform postrider.refuse_unknown_type(event_type);
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.refuse_payload(event_type text, problem text, advice text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  raise exception 'the payload of % does not fit its schema: %', event_type, problem
    using errcode = 'check_violation', constraint = 'the payload fits the schema of its event type',
      schema = 'postrider', table = 'outbox', column = 'payload',
      hint = coalesce(advice, format('Correct the payload, or the definition: json_schema of %L in postrider.event_type.', event_type));
end
$function$;

CREATE OR REPLACE FUNCTION postrider.refuse_schema(pointer text, problem text, advice text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  raise exception '%', concat_ws(' ', 'its JSON Schema,', 'at ' || postrider.shown_pointer(pointer) || ',', problem)
    using errcode = 'invalid_parameter_value', hint = advice;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.refuse_truncate()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  raise exception 'cannot truncate postrider.%', tg_table_name
    using errcode = 'feature_not_supported',
      detail = 'It would leave no row in the audit, and deliveries that wait for nobody.',
      hint = format('delete from postrider.%I', tg_table_name);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.refuse_unknown_event_types(reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform postrider.set_unknown_types('refused', 'refuse_unknown_event_types', reason);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.refuse_unknown_type(event_type text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  meant constant text := postrider.nearest_event_type(event_type);
begin
  raise exception 'the event type % is not in the catalogue', to_json(left(event_type, 255))
    using errcode = 'check_violation', constraint = 'the event type is in the catalogue',
      schema = 'postrider', table = 'outbox', column = 'event_type',
      detail = 'postrider.event_type_policy says that unknown types are refused.',
      hint = concat_ws(' ', 'Did you mean ' || meant || '?',
        'An operator adds it by postrider.define_event_type(...), or lets all types in by postrider.allow_unknown_event_types().');
end
$function$;

CREATE OR REPLACE FUNCTION postrider.replay(endpoint_id uuid, since timestamp with time zone, until timestamp with time zone DEFAULT now(), event_type text DEFAULT '*'::text, states text[] DEFAULT NULL::text[], dry_run boolean DEFAULT false, OUT replay_id uuid, OUT events bigint)
 RETURNS record
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
AS $function$
#variable_conflict use_variable
declare
  known constant text[] := '{succeeded,exhausted,discarded}';
  count_stretch constant integer := 10000;
  count_judge_ms constant integer := 3600000;
  unknown text;
  oldest_at timestamptz;
  range_end uuid;
  place uuid;
  found_count bigint;
  replay postrider.replay;
begin
  perform postrider.require_endpoint(endpoint_id);
  if exists (select from postrider.endpoint e where e.id = endpoint_id and e.state = 'disabled') then
    raise exception 'endpoint % is disabled', endpoint_id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(endpoint_id).';
  end if;
  if since is null then
    raise exception 'since is null'
      using errcode = 'null_value_not_allowed', hint = 'Say from when on: a time, such as now() - interval ''2 hours'', or ''-infinity'' for everything.';
  end if;
  -- what is inserted from now on is delivered anyway
  until := least(coalesce(until, 'infinity'), clock_timestamp());
  if since >= until then
    raise exception 'there is no time between since, %, and until, %', since, until
      using errcode = 'invalid_parameter_value', hint = 'since is the earlier one, and until no later than now.';
  end if;
  if event_type is null or length(event_type) > 255
    or not (event_type = '*' or event_type ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*(\.\*)?$') then
    raise exception 'there is no event type %', coalesce(quote_literal(event_type), 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give an exact type, a prefix such as order.*, or * for all that the endpoint is subscribed to.';
  end if;
  if cardinality(states) = 0 then
    raise exception 'states is empty'
      using errcode = 'invalid_parameter_value', hint = format('Give any of %s; null for all, and for events without a delivery.', array_to_string(known, ', '));
  end if;
  select coalesce(quote_literal(s.state), 'null') into unknown
  from unnest(states) s (state)
  where s.state is null or s.state <> all (known)
  limit 1;
  if found then
    raise exception 'deliveries are not replayed by the state %', unknown
      using errcode = 'invalid_parameter_value',
        detail = case when unknown = quote_literal('pending') then 'What is pending is on its way already.'
                      else 'What is replayed has finished in one state or another, or never had a delivery.' end,
        hint = format('The states are: %s.', array_to_string(known, ', '));
  end if;
  -- by its id: within a millisecond ids are in no order
  select postrider.partition_time(o.id) into oldest_at from postrider.outbox o order by o.id limit 1;
  if oldest_at - interval '1 ms' >= until then
    raise exception 'there is no event from before %', until
      using errcode = 'no_data_found', detail = format('The oldest event that is retained is from %s.', oldest_at);
  end if;

  replay.endpoint_id := endpoint_id;
  replay.since := since;
  replay.until := until;
  replay.event_type := event_type;
  replay.states := states;
  replay.created_at := clock_timestamp();
  range_end := postrider.replay_end(until);
  -- An id is made just before created_at is taken: ten seconds are ample. What lies before the oldest event is passed over.
  replay.after_event := postrider.uuid_v7_floor(greatest(since - interval '10 s', coalesce(oldest_at, until) - interval '1 s'));
  place := replay.after_event;
  events := 0;
  while place < range_end loop
    select count(*) filter (where s.verdict in ('new', 'again')), (array_agg(s.event_id) filter (where s.verdict = 'end'))[1]
    into found_count, place
    from postrider.replay_stretch(replay, place, count_stretch, count_judge_ms) s;
    events := events + found_count;
  end loop;
  if dry_run then
    return;
  end if;

  insert into postrider.replay as r (endpoint_id, since, until, event_type, states, events, after_event, created_at)
  values (endpoint_id, since, until, event_type, states, events, replay.after_event, replay.created_at)
  returning r.id into replay_id;
  perform postrider.note_action('replay', endpoint_id, null, jsonb_strip_nulls(jsonb_build_object(
    'replay_id', replay_id, 'since', since, 'until', until, 'event_type', event_type, 'states', states, 'events', events)));
  perform postrider.notify_daemons();
end
$function$;

CREATE OR REPLACE FUNCTION postrider.replay_end(until timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE STRICT
RETURN postrider.uuid_v7_floor((until + '00:00:01'::interval));

CREATE OR REPLACE FUNCTION postrider.replay_stretch(replay postrider.replay, after_event uuid, events_max integer, judge_ms integer)
 RETURNS TABLE(event_id uuid, verdict text)
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
-- One stretch of the range, within one day, so that one partition is read. A verdict for each event that the endpoint's
-- subscriptions match: new (no delivery), again (a finished one), under way (left alone). The last row is the end of the
-- stretch: everything up to that id has been looked at. Filters may take long; after judge_ms the stretch ends early.
declare
  range_end constant uuid := postrider.replay_end(replay.until);
  stretch_end constant uuid := least(range_end,
    postrider.uuid_v7_floor(date_trunc('day', postrider.partition_time(after_event), 'UTC') + interval '24 hours'));
  owner text;
  deadline constant timestamptz := clock_timestamp() + judge_ms * interval '1 ms';
begin
  select e.tenant into owner from postrider.endpoint e where e.id = replay.endpoint_id;
  return query
    with stretch as materialized (
      select o.id, o.xid, o.seq, o.event_type, o.tenant, o.created_at
      from postrider.outbox o
      where o.id > after_event and o.id < stretch_end
      order by o.id
      limit events_max
    ), kind as materialized (
      select k.event_type, case when bool_and(s.filter is not null) then array_agg(s.filter) end as filters
      from (select distinct i.event_type from stretch i where i.tenant = owner) k
      cross join lateral unnest(postrider.event_type_patterns(k.event_type)) p (pattern)
      join postrider.subscription s on s.endpoint_id = replay.endpoint_id and s.event_type = p.pattern
      where replay.event_type = any (postrider.event_type_patterns(k.event_type))
      group by k.event_type
    ), cursor as materialized (
      select c.base, c.target, c.after_xid, c.after_seq from postrider.claim c order by c.id desc limit 1
    ), in_hand as materialized (
      select p.event_id
      from postrider.claim c
      cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
      where p.endpoint_id = replay.endpoint_id
    ), standing as materialized (
      select i.id, k.filters,
             case
               when d.state = 'pending' or d.finished_at > replay.created_at then 'under way'
               when d.state is not null then case when replay.states is null or d.state = any (replay.states) then 'again' end
               when not (pg_visible_in_snapshot(i.xid, c.base)
                 or c.target is not null and pg_visible_in_snapshot(i.xid, c.target)
                   and (i.xid, i.seq) <= (c.after_xid, c.after_seq)) then 'under way'
               when i.id in (select h.event_id from in_hand h) then 'under way'
               when replay.states is null then 'new'
             end as verdict
      from stretch i
      join kind k on k.event_type = i.event_type
      cross join cursor c
      left join lateral (
        select d.state, d.finished_at
        from postrider.delivery d
        where d.event_id = i.id and d.endpoint_id = replay.endpoint_id
        offset 0) d on true
      where i.tenant = owner and i.created_at >= replay.since and i.created_at < replay.until
    ), judged as materialized (
      select s.id, s.verdict,
             case
               when s.filters is null then 'matches'
               -- the first one always has its turn, so that there is progress
               when s.n > 1 and clock_timestamp() > deadline then 'late'
               when exists (
                 select from postrider.outbox o
                 cross join lateral postrider.judge_filters(
                   o.payload, array_fill(replay.endpoint_id, array[cardinality(s.filters)]), s.filters) m
                 where o.id = s.id and m.problem is null and not m.is_slow) then 'matches'
             end as judgement
      from (
        select n.id, n.verdict, n.filters, row_number() over (order by n.id) as n
        from standing n
        where n.verdict is not null
        order by n.id
        offset 0) s
    ), late as materialized (
      select j.id from judged j where j.judgement = 'late' order by j.id limit 1
    ), last as materialized (
      select count(*) as looked_at, (array_agg(i.id order by i.id))[count(*)] as id
      from stretch i
      where not exists (select from late l where l.id <= i.id)
    )
    select j.id, j.verdict
    from judged j
    where j.judgement = 'matches' and not exists (select from late l where l.id < j.id)
    union all
    select case
             when l.looked_at = events_max or exists (select from late) then l.id
             -- the day is through; on to the first event of the days after it
             else coalesce((select postrider.uuid_v7_floor(postrider.partition_time(o.id)) from postrider.outbox o
                            where o.id >= stretch_end and o.id < range_end order by o.id limit 1), range_end)
           end,
           'end'
    from last l;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.require_endpoint(endpoint_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if not exists (select from postrider.endpoint e where e.id = require_endpoint.endpoint_id) then
    raise exception 'there is no endpoint %', coalesce(endpoint_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, url from postrider.endpoint lists them.';
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.require_home(may_move_in boolean DEFAULT true)
 RETURNS boolean
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  waiting_max constant integer := 1000;
  home record;
  problem text;
  waiting bigint;
begin
  select s.is_on, s.database_oid is not null as is_known, concat(s.system_identifier, '/', s.database_oid) as place into home
  from postrider.sending s
  where s.is_row;
  if not found then
    raise exception 'cannot tell whether daemons are to send from this database'
      using errcode = 'PR014', detail = 'postrider.sending has no row',
        hint = 'if they are, run "postrider adopt", or select postrider.adopt(), which writes it; if not, insert into postrider.sending (is_on) values (false)';
  end if;
  if home.is_known and home.place = current_setting('postrider.place', true) then
    return home.is_on;
  end if;
  problem := postrider.copy_problem();
  if problem is not null then
    select count(*) into waiting from (select from postrider.delivery d where d.state = 'pending' limit waiting_max + 1) w;
    raise exception 'cannot deliver from this database: it was restored or copied from another one'
      using errcode = 'PR014',
        detail = format('%s; %s deliveries wait in it, and %s first attempts were in hand', problem,
          case when waiting > waiting_max then 'more than ' || waiting_max else waiting::text end,
          (select count(*) from postrider.claim c
           cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
           where not exists (
             select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
             offset 0))),
        hint = 'if it is to take the place of the other one, run "postrider adopt", or select postrider.adopt(); if it must not send, leave it so, or switch sending off first: update postrider.sending set is_on = false';
  end if;
  if home.is_known then
    perform set_config('postrider.place', home.place, false);
  elsif may_move_in then
    update postrider.sending s
    set (system_identifier, database_oid, home_since) = (
      select p.system_identifier, p.database_oid, clock_timestamp() from postrider.present_place() p)
    where s.is_row and s.database_oid is null;
  end if;
  return home.is_on;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.require_ingest_role(name text, role_name text)
 RETURNS void
 LANGUAGE plpgsql
 STABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  -- a role that is gone keeps nobody out
  if role_name <> session_user and to_regrole(quote_ident(role_name)) is not null
    and not pg_has_role(session_user, role_name, 'member')
  then
    raise exception 'the ingest % belongs to the role %', quote_literal(name), quote_ident(role_name)
      using errcode = 'insufficient_privilege', detail = format('This session logged in as %I.', session_user),
        hint = 'Log in as that role or a member of it, or give the ingest another --name.';
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.resume_endpoint(id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
begin
  if postrider.lock_endpoint(id) = 'disabled' then
    raise exception 'endpoint % is disabled', id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it: select postrider.enable_endpoint(id).';
  end if;
  perform postrider.set_endpoint_state(id, 'active', null, 'resume_endpoint');
end
$function$;

CREATE OR REPLACE FUNCTION postrider.rotate_secret(endpoint_id uuid, overlap interval DEFAULT '24:00:00'::interval)
 RETURNS text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  new_secret constant text := postrider.new_secret();
  old_until timestamptz;
begin
  if overlap is null or not overlap between interval '0' and interval '1 year' or now() + overlap < now() then
    raise exception 'an overlap of % is not possible', coalesce(overlap::text, 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give 0 to 1 year: for so long the old secret signs beside the new one.';
  end if;
  old_until := now() + overlap;
  perform postrider.lock_endpoint(endpoint_id);
  perform postrider.begin_action('rotate_secret', endpoint_id, jsonb_build_object('overlap', overlap));
  -- one that signs no more is of use to nobody but a thief
  delete from postrider.endpoint_secret s where s.endpoint_id = endpoint_id and s.expires_at <= now();
  update postrider.endpoint_secret s set expires_at = old_until
  where s.endpoint_id = endpoint_id and (s.expires_at is null or s.expires_at > old_until);
  insert into postrider.endpoint_secret (endpoint_id, secret) values (endpoint_id, new_secret);
  perform postrider.end_action();
  return new_secret;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.row_change(operation text, table_name text, old json, new json)
 RETURNS json
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN json_build_object('operation', operation, 'table', table_name, 'old', CASE WHEN (new IS NULL) THEN old ELSE (SELECT json_object_agg(c.name, c.old_value) AS json_object_agg FROM ROWS FROM(json_each(row_change.old), json_each(row_change.new)) c(name, old_value, new_name, new_value) WHERE ((c.old_value)::text <> (c.new_value)::text)) END, 'new', new);

CREATE OR REPLACE FUNCTION postrider.rule_audit()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- not the secret, and the tenant is the endpoint's
  hidden constant text[] := '{endpoint_id,tenant,secret}';
  old_row constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - hidden end;
  new_row constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - hidden end;
  endpoint_ids constant uuid[] := case tg_op when 'INSERT' then array[new.endpoint_id] when 'DELETE' then array[old.endpoint_id]
    else array[old.endpoint_id, new.endpoint_id] end;
  list_name constant text := case tg_table_name when 'subscription' then 'subscriptions' else 'secrets' end;
  secret_changed boolean := false;
begin
  if tg_op = 'UPDATE' and tg_table_name = 'endpoint_secret' then
    secret_changed := to_jsonb(old) -> 'secret' is distinct from to_jsonb(new) -> 'secret';
  end if;
  if tg_op = 'UPDATE' and old_row = new_row and old.endpoint_id = new.endpoint_id and not secret_changed
    -- what goes with its endpoint is noted there
    or tg_op = 'DELETE' and not exists (select from postrider.endpoint e where e.id = old.endpoint_id)
  then
    return null;
  end if;
  perform postrider.note_change(
    format('%s %s', lower(tg_op), tg_table_name), endpoint_ids[cardinality(endpoint_ids)], list_name,
    case when endpoint_ids[1] <> endpoint_ids[cardinality(endpoint_ids)]
      then old_row || jsonb_build_object('endpoint_id', endpoint_ids[1]) else old_row end,
    case when secret_changed then new_row || '{"secret": "hidden, changed"}' else new_row end);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.scalar_problem(checks jsonb, value jsonb)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
AS $function$
#variable_conflict use_variable
declare
  kind constant text := jsonb_typeof(value);
  types constant jsonb := checks -> 'type';
  -- without the cast it goes by way of text, and 1e100000 takes half a millisecond
  number constant numeric := case when kind = 'number' then (value)::numeric end;
  size constant integer := case kind when 'string' then length(value #>> '{}') when 'array' then jsonb_array_length(value) end;
begin
  if types = '[]' then
    return format('nothing is allowed here, found %s', postrider.shown_value(value));
  elsif not types ? kind and not (types ? 'integer' and coalesce(min_scale(number) = 0, false)) then
    return format('expected %s, found %s', (select string_agg(t.name, ' or ') from jsonb_array_elements_text(types) t (name)), postrider.shown_value(value));
  elsif checks -> 'const' <> value then
    return format('expected the constant of the schema, found %s', postrider.shown_value(value));
  elsif checks ? 'enum' and not postrider.is_option(checks -> 'enum', value) then
    return format('expected one of the %s values of the schema, found %s', jsonb_array_length(checks -> 'enum'), postrider.shown_value(value));
  end if;
  return case kind
    when 'number' then case
      when number < (checks -> 'minimum')::numeric then format('expected at least %s, found less', left(checks ->> 'minimum', 60))
      when number > (checks -> 'maximum')::numeric then format('expected at most %s, found more', left(checks ->> 'maximum', 60))
      when number <= (checks -> 'exclusiveMinimum')::numeric then format('expected more than %s, found not more', left(checks ->> 'exclusiveMinimum', 60))
      when number >= (checks -> 'exclusiveMaximum')::numeric then format('expected less than %s, found not less', left(checks ->> 'exclusiveMaximum', 60)) end
    when 'string' then case
      when size < (checks -> 'minLength')::numeric then format('expected at least %s characters, found %s', checks -> 'minLength', size)
      when size > (checks -> 'maxLength')::numeric then format('expected at most %s characters, found %s', checks -> 'maxLength', size) end
    when 'array' then case
      when size < (checks -> 'minItems')::numeric then format('expected at least %s elements, found %s', checks -> 'minItems', size)
      when size > (checks -> 'maxItems')::numeric then format('expected at most %s elements, found %s', checks -> 'maxItems', size) end
    end;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.schema_predicate(checks jsonb, place text)
 RETURNS text
 LANGUAGE plpgsql
 IMMUTABLE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  types constant jsonb := checks -> 'type';
  comparisons constant jsonb := '{"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<", "minItems": ">=", "maxItems": "<="}';
  keyword text;
  argument jsonb;
  branches text[];
  parts text[] := '{}';
begin
  if types is not null then
    parts := parts || postrider.type_predicate(types);
  end if;
  for keyword, argument in select k.key, k.value from jsonb_each(checks) k loop
    continue when keyword in ('type', 'properties', 'required', 'additionalProperties', 'known', 'minLength', 'maxLength');
    if keyword in ('anyOf', 'allOf') then
      branches := array(
        select postrider.schema_predicate(b.value, format('%s[%s]', postrider.place_within(schema_predicate.place, keyword), b.n - 1))
        from jsonb_array_elements(argument) with ordinality b (value, n) order by b.n);
    end if;
    parts := parts || case
      when keyword = 'enum' then postrider.equality_predicate(argument, postrider.place_within(place, keyword))
      when keyword = 'const' then postrider.equality_predicate(jsonb_build_array(argument), null)
      when keyword in ('minItems', 'maxItems') then
        postrider.predicate_for('array', types, format('@.size() %s %s', comparisons ->> keyword, argument))
      when comparisons ? keyword then
        postrider.predicate_for('number', types, format('@ %s %s', comparisons ->> keyword, argument))
      when keyword = 'items' then
        postrider.predicate_for('array', types, '!(exists (@[*] ? (!' || postrider.schema_predicate(argument, postrider.place_within(place, keyword)) || ')))')
      when keyword = '$ref' then postrider.schema_predicate(argument, postrider.place_within(place, keyword))
      when keyword = 'allOf' then postrider.conjunction(branches)
      when array_position(branches, null) is null then '(' || array_to_string(branches, ' || ') || ')' end;
  end loop;
  if checks ?| '{minLength,maxLength}' then
    parts := parts || postrider.predicate_for('string', types,
      postrider.length_predicate((checks -> 'minLength')::numeric, (checks -> 'maxLength')::numeric));
  end if;
  if checks ?| '{properties,required,additionalProperties}' then
    parts := parts || postrider.predicate_for('object', types, postrider.object_predicate(checks, place));
  end if;
  return postrider.conjunction(parts);
end
$function$;

CREATE OR REPLACE FUNCTION postrider.sending_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  untold constant text[] := '{is_row,changed_at,changed_by,home_since}';
begin
  insert into postrider.audit (action, before, after)
  values (lower(tg_op) || ' sending',
          case when tg_op <> 'INSERT' then to_jsonb(old) - untold end,
          case when tg_op <> 'DELETE' then to_jsonb(new) - untold end);
  perform postrider.notify_daemons();
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.sending_changing()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  if (new.is_on, new.reason) is distinct from (old.is_on, old.reason) then
    new.changed_at := clock_timestamp();
    new.changed_by := session_user;
    if new.is_on then
      new.reason := null;
    end if;
  end if;
  -- What was written down with a guard says nothing without it: with the same oid, 16384 in most fresh clusters, a copy in
  -- another cluster would be at work from the next beat on, adopted by nobody.
  if new.is_guarded <> old.is_guarded then
    new.system_identifier := null;
    new.database_oid := null;
    new.home_since := null;
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.set_endpoint_state(endpoint_id uuid, state text, reason text, action text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
begin
  perform postrider.lock_endpoint(endpoint_id);
  perform postrider.begin_action(action, endpoint_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
  update postrider.endpoint e set state = state, state_reason = reason
  where e.id = endpoint_id and (e.state, e.state_reason) is distinct from (state, reason);
  perform postrider.end_action();
end
$function$;

CREATE OR REPLACE FUNCTION postrider.set_judged_event_types()
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  -- beyond that a look at the catalogue is quicker than a walk through the list
  listed_max constant integer := 100;
  listed text[];
  body text;
begin
  -- Edits wait for each other before they come here. What replication brings does not, nor what sets it right afterwards.
  perform pg_advisory_xact_lock(1886352244, 5);
  select array_agg(t.name order by t.name) into listed
  from (select e.name from postrider.event_type e where e.enforce limit listed_max + 1) t;
  if cardinality(listed) > listed_max or exists (select from postrider.event_type_policy p where p.unknown_types = 'refused') then
    body := ' begin return null; end ';
  else
    body := format(' begin return %L; end ', coalesce(listed, '{}'));
  end if;
  if body is distinct from (select p.prosrc from pg_proc p where p.oid = 'postrider.judged_event_types()'::regprocedure) then
    execute format('create or replace function postrider.judged_event_types() returns text[] language plpgsql immutable as %L', body);
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.set_unknown_types(unknown_types text, action text, reason text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
begin
  perform postrider.begin_action(action, null, jsonb_build_object('reason', reason));
  insert into postrider.event_type_policy as p (unknown_types) values (set_unknown_types.unknown_types)
  on conflict on constraint event_type_policy_pkey do update set unknown_types = excluded.unknown_types, changed_at = clock_timestamp();
  perform postrider.end_action();
end
$function$;

CREATE OR REPLACE FUNCTION postrider.shown_pointer(pointer text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (to_json(CASE WHEN (length(pointer) <= 200) THEN pointer ELSE (("left"(pointer, 100) || '...'::text) || "right"(pointer, 99)) END))::text;

CREATE OR REPLACE FUNCTION postrider.shown_time(at timestamp with time zone)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN CASE WHEN (at = ANY (ARRAY['infinity'::timestamp with time zone, '-infinity'::timestamp with time zone])) THEN (at)::text ELSE (date_trunc('second'::text, at))::text END;

CREATE OR REPLACE FUNCTION postrider.shown_value(value jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN CASE jsonb_typeof(value) WHEN 'string'::text THEN format('a string of %s characters'::text, length((value #>> '{}'::text[]))) WHEN 'number'::text THEN CASE WHEN (min_scale((value)::numeric) = 0) THEN 'an integer'::text ELSE 'a number that is no integer'::text END WHEN 'array'::text THEN format('an array of %s'::text, jsonb_array_length(value)) WHEN 'object'::text THEN 'an object'::text WHEN 'boolean'::text THEN 'a boolean'::text ELSE 'null'::text END;

CREATE OR REPLACE FUNCTION postrider.small_payload(payload json, bytes_max integer)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN CASE WHEN ((pg_column_size(payload) <= bytes_max) AND (octet_length((payload)::text) <= bytes_max)) THEN (payload)::text ELSE NULL::text END;

CREATE OR REPLACE FUNCTION postrider.store_lines(name text, run_id uuid, batch bigint, event_type text, tenant text, filter jsonpath, lines text, refused_before integer, file_id text, file_modified_ns bigint, fingerprint text, byte_offset bigint, line_number bigint)
 RETURNS TABLE(outcome text, events integer, unmatched integer, refused integer[], reasons text[])
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_column
declare
  -- A comparison of two paths may take minutes, which nothing interrupts; judge_filters looks first.
  compares_paths constant text := '(==|!=|<>|<=|>=|<|>)[ (+-]*[$@]';
  texts constant text[] := coalesce(string_to_array(store_lines.lines, E'\n'), '{}');
  position record;
  judged record;
  inserted record;
  count_events integer;
  count_refused integer;
begin
  select p.role_name, p.run_id, p.batch into position
  from postrider.ingest_position p
  where p.name = store_lines.name
  for update;
  if not found or position.run_id <> store_lines.run_id or store_lines.batch not in (position.batch, position.batch + 1) then
    outcome := 'displaced';
    return next;
    return;
  end if;
  perform postrider.require_ingest_role(store_lines.name, position.role_name);
  refused := '{}';
  reasons := '{}';

  if store_lines.batch = position.batch then
    -- Its answer was lost. What was inserted then is not inserted again; what was refused is found again.
    select j.chosen, j.refused, j.reasons into judged from postrider.judge_lines(texts, store_lines.filter) j;
    outcome := 'repeated';
    events := cardinality(judged.chosen);
    refused := judged.refused;
    reasons := judged.reasons;
    unmatched := cardinality(texts) - events - cardinality(refused);
    return next;
    return;
  end if;

  if cardinality(texts) > 0 and (store_lines.filter is null or store_lines.filter::text !~ compares_paths) then
    begin
      insert into postrider.outbox (event_type, tenant, payload)
      select store_lines.event_type, store_lines.tenant, l.line::json
      from unnest(texts) with ordinality l (line, n)
      where store_lines.filter is null or l.line::jsonb @@ store_lines.filter
      order by l.n;
      get diagnostics count_events = row_count;
    exception when others then
      -- One of them or several: which, is found line by line. What is the server's trouble is no line's fault.
      if left(sqlstate, 2) in ('40', '53', '55', '57', '58') then
        raise;
      end if;
      count_events := null;
    end;
  end if;
  if count_events is null then
    select j.chosen, j.refused, j.reasons into judged from postrider.judge_lines(texts, store_lines.filter) j;
    select i.events, i.refused, i.reasons into inserted
    from postrider.insert_lines(store_lines.event_type, store_lines.tenant,
      array(select texts[c.n] from unnest(judged.chosen) with ordinality c (n, place) order by c.place), judged.chosen) i;
    count_events := inserted.events;
    refused := judged.refused || inserted.refused;
    reasons := judged.reasons || inserted.reasons;
  end if;

  outcome := 'stored';
  events := count_events;
  count_refused := cardinality(refused);
  unmatched := cardinality(texts) - count_events - count_refused;
  update postrider.ingest_position p
  set batch = store_lines.batch, file_id = store_lines.file_id, file_modified_ns = store_lines.file_modified_ns,
      fingerprint = store_lines.fingerprint, byte_offset = store_lines.byte_offset, line_number = store_lines.line_number,
      lines = p.lines + cardinality(texts) + store_lines.refused_before, events = p.events + count_events,
      unmatched = p.unmatched + cardinality(texts) - count_events - count_refused,
      refused = p.refused + count_refused + store_lines.refused_before, updated_at = clock_timestamp()
  where p.name = store_lines.name;
  return next;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.subscribe(endpoint_id uuid, event_type text, filter text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  subscription_id constant uuid := postrider.uuid_v7();
begin
  perform postrider.lock_endpoint(endpoint_id);
  perform postrider.begin_action('subscribe', endpoint_id,
    jsonb_build_object('subscription_id', subscription_id, 'event_type', event_type, 'filter', filter));
  insert into postrider.subscription as s (id, endpoint_id, event_type, filter)
  values (subscription_id, endpoint_id, event_type, postrider.parse_filter(filter));
  perform postrider.end_action();
  return subscription_id;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.subscription_changing()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  select e.tenant into new.tenant from postrider.endpoint e where e.id = new.endpoint_id;
  if not found then
    raise exception 'there is no endpoint %', coalesce(new.endpoint_id::text, 'null')
      using errcode = 'foreign_key_violation', hint = 'select id, url from postrider.endpoint lists them.';
  end if;
  if new.filter is not null then
    begin
      perform jsonb_path_match('{}', new.filter);
    exception when data_exception then -- no single item, or, in strict mode, no such member
      raise exception 'the filter % is no predicate', new.filter
        using errcode = 'invalid_parameter_value',
          detail = 'It selects something from the payload; a filter says whether the payload matches.',
          hint = 'Compare: $.amount > 100, $.status == "paid", exists($.refund).';
    end;
  end if;
  return new;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.take_over_claim(daemon_id uuid, known_claims bigint[], payload_bytes_max integer)
 RETURNS TABLE(claim_id bigint, former_daemon_id uuid, event_id uuid, event_type text, created_at text, payload text, endpoint_ids text, endpoint_id uuid, revision bigint)
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
#variable_conflict use_column
-- A claim is taken over when its daemon has not beaten within its lease, and adopted when it is the caller's own but
-- not in its memory (the answer to the commit of the claim was lost). What it has recorded already is left out.
declare
  found_claim record;
  express_events uuid[];
  express_endpoints uuid[];
begin
  if not postrider.require_home() then
    return;
  end if;
  loop
    select c.id, c.daemon_id, c.event_ids, c.endpoint_ids into found_claim
    from postrider.claim c
    where cardinality(c.event_ids) > 0
      and c.id <> all (known_claims)
      and (c.daemon_id = take_over_claim.daemon_id
        or not exists (select from postrider.daemon d where d.id = c.daemon_id and d.lease_expires_at > now()))
    order by c.id
    limit 1
    for update skip locked;
    if not found then
      return;
    end if;

    insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, finished_at, reason)
    select p.event_id, p.endpoint_id,
           case when waits then 'pending' else 'discarded' end,
           case when waits then now() end,
           case when waits then null else now() end,
           case when not waits then coalesce(c.reason, postrider.discard_reason(e.state)) end
    from unnest(found_claim.event_ids, found_claim.endpoint_ids) p (event_id, endpoint_id)
    left join postrider.endpoint e on e.id = p.endpoint_id
    left join postrider.cancellation c on c.event_id = p.event_id and c.endpoint_id = p.endpoint_id
    cross join lateral (select c.reason is null and e.state is not distinct from 'paused') w (waits)
    where e.state is distinct from 'active' or c.reason is not null
    on conflict do nothing;

    select array_agg(p.event_id order by p.n), array_agg(p.endpoint_id order by p.n)
    into express_events, express_endpoints
    from unnest(found_claim.event_ids, found_claim.endpoint_ids) with ordinality p (event_id, endpoint_id, n)
    where not exists (
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
      offset 0);

    if express_events is not null then
      update postrider.claim c
      set daemon_id = take_over_claim.daemon_id, event_ids = express_events, endpoint_ids = express_endpoints, xid = default
      where c.id = found_claim.id;
      exit;
    end if;
    -- all of it is recorded: the claim goes, or loses its pairs if it is the cursor
    delete from postrider.claim c
    where c.id = found_claim.id and c.id < (select n.id from postrider.claim n order by n.id desc limit 1);
    if not found then
      update postrider.claim c set event_ids = '{}', endpoint_ids = '{}', xid = default where c.id = found_claim.id;
    end if;
  end loop;

  return query
    select found_claim.id, found_claim.daemon_id, null::uuid, null::text, null::text, null::text, null::text, e.id, e.revision
    from postrider.endpoint e
    where e.id in (select u from unnest(express_endpoints) u);
  return query
    select found_claim.id, found_claim.daemon_id, p.event_id, o.event_type,
           to_char(o.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           o.payload, p.endpoint_ids, null::uuid, null::bigint
    from (
      select u.event_id, string_agg(u.endpoint_id::text, ',') as endpoint_ids, min(u.n) as n
      from unnest(express_events, express_endpoints) with ordinality u (event_id, endpoint_id, n)
      group by u.event_id) p
    left join lateral (
      select i.event_type, i.created_at, postrider.small_payload(i.payload, payload_bytes_max) as payload
      from postrider.outbox i
      where i.id = p.event_id
      offset 0) o on true
    order by p.n;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.trigger_arguments(arguments bytea)
 RETURNS text[]
 LANGUAGE sql
 STABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
  -- each ends with a zero byte, which no text can hold: hence by way of hexadecimal pairs
  select array_agg(convert_from(decode(replace(a.pairs, ' ', ''), 'hex'), getdatabaseencoding()) order by a.place)
  from unnest(string_to_array(regexp_replace(encode(arguments, 'hex'), '(..)', '\1 ', 'g'), '00 '))
         with ordinality a (pairs, place)
$function$;

CREATE OR REPLACE FUNCTION postrider.type_predicate(types jsonb)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
 SET search_path TO 'pg_catalog', 'pg_temp'
RETURN (SELECT (('('::text || COALESCE(string_agg(CASE t.name WHEN 'integer'::text THEN '(@.type() == "number" && @.floor() == @)'::text ELSE format('@.type() == "%s"'::text, t.name) END, ' || '::text), '1 == 2'::text)) || ')'::text) FROM jsonb_array_elements_text(type_predicate.types) t(name));

CREATE OR REPLACE FUNCTION postrider.uncapture(table_name regclass, event_type text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
declare
  captured text;
begin
  if not postrider.drop_capture(table_name, event_type) then
    select string_agg((postrider.trigger_arguments(t.tgargs))[1], ', ') into captured
    from pg_trigger t
    where t.tgrelid = table_name and not t.tgisinternal and t.tgname ~ '^postrider_(insert|update|delete)_' and t.tgnargs = 6;
    raise exception 'cannot end the capture of % from %: there is none', quote_nullable(event_type), table_name
      using errcode = 'undefined_object', detail = format('Captured from it: %s.', coalesce(captured, 'nothing')),
        hint = 'All captures are in postrider.capture_status.';
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.unsubscribe(subscription_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  old_rule record;
begin
  perform from postrider.endpoint e
  where e.id = (select s.endpoint_id from postrider.subscription s where s.id = subscription_id)
  for no key update;
  select s.endpoint_id, s.event_type, s.filter into old_rule from postrider.subscription s where s.id = subscription_id for update;
  if not found then
    raise exception 'there is no subscription %', coalesce(subscription_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, endpoint_id, event_type from postrider.subscription lists them.';
  end if;
  perform postrider.begin_action('unsubscribe', old_rule.endpoint_id,
    jsonb_build_object('subscription_id', subscription_id, 'event_type', old_rule.event_type, 'filter', old_rule.filter::text));
  delete from postrider.subscription s where s.id = subscription_id;
  perform postrider.end_action();
end
$function$;

CREATE OR REPLACE FUNCTION postrider.url_without_secrets(url text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN regexp_replace(url, '^([a-z]+://)(?:[^/?#]*@)?([^?#]*).*$'::text, '\1\2'::text, 'i'::text);

CREATE OR REPLACE FUNCTION postrider.uuid_v7()
 RETURNS uuid
 LANGUAGE sql
 PARALLEL SAFE
RETURN (encode(set_bit(set_bit(OVERLAY(uuid_send(gen_random_uuid()) PLACING SUBSTRING(int8send(((EXTRACT(epoch FROM clock_timestamp()) * (1000)::numeric))::bigint) FROM 3) FROM 1 FOR 6), (52)::bigint, 1), (53)::bigint, 1), 'hex'::text))::uuid;

CREATE OR REPLACE FUNCTION postrider.uuid_v7_floor(at timestamp with time zone)
 RETURNS uuid
 LANGUAGE sql
 STABLE PARALLEL SAFE STRICT
RETURN ((lpad(to_hex(((EXTRACT(epoch FROM at) * (1000)::numeric))::bigint), 12, '0'::text) || '00000000000000000000'::text))::uuid;

CREATE OR REPLACE FUNCTION postrider.uuid_v7_time(id uuid)
 RETURNS timestamp with time zone
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE STRICT
RETURN CASE WHEN (SUBSTRING((id)::text FROM 15 FOR 1) = '7'::text) THEN to_timestamp((((((('x'::text || translate("left"((id)::text, 13), '-'::text, ''::text)))::bit(48))::bigint)::numeric / 1000.0))::double precision) ELSE NULL::timestamp with time zone END;

CREATE OR REPLACE FUNCTION postrider.wake_daemons()
 RETURNS void
 LANGUAGE plpgsql
AS $function$
begin
  -- With the inserter's rights and search_path, so every name is in full; pinning the path would cost each insert 2 us.
  if not postrider.is_wake_off() and not pg_catalog.pg_try_advisory_xact_lock_shared(1886352244, 2) then
    perform postrider.notify_daemons();
  end if;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.withdraw_replayed(replay_id uuid, deliveries_max integer)
 RETURNS integer
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET jit TO 'off'
 SET enable_seqscan TO 'off'
 SET enable_bitmapscan TO 'off'
 SET enable_hashjoin TO 'off'
 SET enable_mergejoin TO 'off'
 SET plan_cache_mode TO 'force_generic_plan'
AS $function$
declare
  restored_count integer;
begin
  with waiting as materialized (
    select d.event_id, d.endpoint_id, d.state_before
    from postrider.delivery d
    where d.replay_id = withdraw_replayed.replay_id and d.state = 'pending'
      -- an attempt under way is left to its end
      and (d.lease_expires_at is null or d.lease_expires_at <= clock_timestamp())
    order by d.event_id
    limit deliveries_max
    for update skip locked
  ), withdrawn as (
    update postrider.delivery d
    set state = coalesce(d.state_before, 'discarded'),
        reason = case when coalesce(d.state_before, 'discarded') = 'discarded' then coalesce(d.reason, 'its replay was cancelled') end,
        finished_at = coalesce(
          (select max(a.started_at + a.duration_ms * interval '1 ms') from postrider.attempt a
           where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id),
          clock_timestamp()),
        attempts_before = d.attempts,
        next_attempt_at = null, leased_by = null, lease_expires_at = null,
        replay_id = case when d.state_before is null then d.replay_id end,
        state_before = null
    from waiting w
    where d.event_id = w.event_id and d.endpoint_id = w.endpoint_id
    returning w.state_before
  )
  select count(*) filter (where w.state_before is not null) into restored_count from withdrawn w;
  return restored_count;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.write_judged_event_types()
 RETURNS trigger
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform postrider.set_judged_event_types();
  return null;
end
$function$;

-- Triggers

CREATE TRIGGER note_replay_failure AFTER UPDATE OF state ON postrider.delivery FOR EACH ROW WHEN (((old.replay_id = new.replay_id) AND (old.state = 'pending'::text) AND (new.state = ANY (ARRAY['exhausted'::text, 'discarded'::text])))) EXECUTE FUNCTION postrider.note_replay_failure();

CREATE TRIGGER end_all_replays AFTER DELETE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider.end_replays();

CREATE TRIGGER end_replays AFTER UPDATE OF state ON postrider.endpoint FOR EACH ROW WHEN (((new.state = 'disabled'::text) AND (old.state <> 'disabled'::text))) EXECUTE FUNCTION postrider.end_replays();

CREATE TRIGGER endpoint_audit AFTER INSERT OR UPDATE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_audit();

CREATE TRIGGER endpoint_audit_delete BEFORE DELETE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_audit();

CREATE TRIGGER endpoint_changing BEFORE UPDATE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_changing();

CREATE TRIGGER endpoint_deleted AFTER DELETE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_changed();

CREATE TRIGGER endpoint_disabled AFTER UPDATE OF state ON postrider.endpoint FOR EACH ROW WHEN ((new.state IS DISTINCT FROM old.state)) EXECUTE FUNCTION postrider.endpoint_changed();

CREATE TRIGGER endpoint_judging BEFORE INSERT OR UPDATE OF tenant, url, format, timeout_ms, retry_schedule, headers, disable_after, state ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_judging();

CREATE TRIGGER endpoint_truncate BEFORE TRUNCATE ON postrider.endpoint FOR EACH STATEMENT EXECUTE FUNCTION postrider.refuse_truncate();

CREATE TRIGGER endpoint_secret_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.endpoint_secret FOR EACH ROW EXECUTE FUNCTION postrider.rule_audit();

CREATE TRIGGER endpoint_secret_changed AFTER INSERT OR DELETE OR UPDATE ON postrider.endpoint_secret FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_secret_changed();

CREATE TRIGGER endpoint_secret_changing BEFORE INSERT OR DELETE OR UPDATE ON postrider.endpoint_secret FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_secret_changing();

CREATE TRIGGER endpoint_secret_truncate BEFORE TRUNCATE ON postrider.endpoint_secret FOR EACH STATEMENT EXECUTE FUNCTION postrider.refuse_truncate();

CREATE TRIGGER event_type_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.event_type FOR EACH ROW EXECUTE FUNCTION postrider.event_type_audit();

CREATE TRIGGER event_type_changing BEFORE INSERT OR UPDATE ON postrider.event_type FOR EACH ROW EXECUTE FUNCTION postrider.event_type_changing();

CREATE TRIGGER event_type_judged AFTER INSERT OR DELETE OR UPDATE ON postrider.event_type FOR EACH ROW EXECUTE FUNCTION postrider.write_judged_event_types() always;

CREATE TRIGGER event_type_lock BEFORE INSERT OR DELETE OR UPDATE ON postrider.event_type FOR EACH STATEMENT EXECUTE FUNCTION postrider.lock_event_types();

CREATE TRIGGER event_type_truncate BEFORE TRUNCATE ON postrider.event_type FOR EACH STATEMENT EXECUTE FUNCTION postrider.refuse_truncate();

CREATE TRIGGER event_type_policy_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.event_type_policy FOR EACH ROW EXECUTE FUNCTION postrider.event_type_audit();

CREATE TRIGGER event_type_policy_judged AFTER INSERT OR DELETE OR UPDATE OF unknown_types ON postrider.event_type_policy FOR EACH ROW EXECUTE FUNCTION postrider.write_judged_event_types() always;

CREATE TRIGGER outbox_idempotency BEFORE INSERT ON postrider.outbox FOR EACH ROW WHEN ((new.idempotency_key IS NOT NULL)) EXECUTE FUNCTION postrider.outbox_idempotency();

CREATE TRIGGER outbox_refuse BEFORE INSERT ON postrider.outbox FOR EACH ROW WHEN (((new.xid IS DISTINCT FROM pg_current_xact_id()) OR ((new.event_type = ANY (postrider.judged_event_types())) IS NOT FALSE))) EXECUTE FUNCTION postrider.outbox_refuse();

CREATE TRIGGER outbox_wake AFTER INSERT ON postrider.outbox FOR EACH STATEMENT EXECUTE FUNCTION postrider.outbox_wake();

CREATE TRIGGER sending_changed AFTER UPDATE ON postrider.sending FOR EACH ROW WHEN (((((new.is_on IS DISTINCT FROM old.is_on) OR (new.reason IS DISTINCT FROM old.reason)) OR (new.is_guarded IS DISTINCT FROM old.is_guarded)) OR ((old.database_oid IS NOT NULL) AND ((new.system_identifier IS DISTINCT FROM old.system_identifier) OR (new.database_oid IS DISTINCT FROM old.database_oid))))) EXECUTE FUNCTION postrider.sending_changed();

CREATE TRIGGER sending_changing BEFORE UPDATE ON postrider.sending FOR EACH ROW WHEN ((((new.is_on IS DISTINCT FROM old.is_on) OR (new.reason IS DISTINCT FROM old.reason)) OR (new.is_guarded IS DISTINCT FROM old.is_guarded))) EXECUTE FUNCTION postrider.sending_changing();

CREATE TRIGGER sending_replaced AFTER INSERT OR DELETE ON postrider.sending FOR EACH ROW EXECUTE FUNCTION postrider.sending_changed();

CREATE TRIGGER subscription_audit AFTER INSERT OR DELETE OR UPDATE ON postrider.subscription FOR EACH ROW EXECUTE FUNCTION postrider.rule_audit();

CREATE TRIGGER subscription_changing BEFORE INSERT OR UPDATE ON postrider.subscription FOR EACH ROW EXECUTE FUNCTION postrider.subscription_changing();

CREATE TRIGGER subscription_truncate BEFORE TRUNCATE ON postrider.subscription FOR EACH STATEMENT EXECUTE FUNCTION postrider.refuse_truncate();

-- Comments

comment on schema postrider is 'Postrider, a transactional outbox: rows inserted into postrider.outbox become signed webhooks.';

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

comment on table postrider.audit is 'What operators did, by function or by editing a table: one row an action, which says what was there before and after. Never a secret, never a header''s value.';

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

comment on table postrider.cancellation is 'Deliveries that were cancelled while a daemon had them in hand: what it records of them is never pending again. A row goes when its delivery has come to its end; most of the time there is none.';

comment on column postrider.cancellation.event_id is 'The event.';

comment on column postrider.cancellation.endpoint_id is 'The endpoint.';

comment on column postrider.cancellation.reason is 'What the delivery will have as its reason.';

comment on column postrider.cancellation.requested_at is 'When it was cancelled.';

comment on table postrider.claim is 'What daemons have taken. The newest row is the cursor over the outbox; rows with pairs record the first attempts that a daemon has in hand.';

comment on column postrider.claim.id is 'Order of claiming.';

comment on column postrider.claim.base is 'Every transaction visible in this snapshot has been claimed.';

comment on column postrider.claim.target is 'The snapshot up to which events are being claimed page by page; null when the window is complete.';

comment on column postrider.claim.after_xid is 'The transaction at which the page stopped.';

comment on column postrider.claim.after_seq is 'The event of that transaction at which the page stopped.';

comment on column postrider.claim.daemon_id is 'The daemon that has the pairs in hand.';

comment on column postrider.claim.claimed_at is 'When.';

comment on column postrider.claim.event_ids is 'Events of the pairs whose first attempt runs from the daemon''s memory.';

comment on column postrider.claim.endpoint_ids is 'Endpoints of the same pairs.';

comment on column postrider.claim.xid is 'The transaction that wrote the row last. Where its xmin is another one, the row was restored or replicated, and its snapshots are of another cluster.';

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

comment on column postrider.daemon.condition is 'What it said of itself at its last beat. well; not_recording: results cannot be written, are kept and tried again, and nothing is claimed; not_claiming: events and deliveries cannot be taken; not_sending: sending is switched off, in postrider.sending; blind: no notification reaches it, and it looks once in a poll interval. The worst where there are several.';

comment on column postrider.daemon.condition_since is 'Since when it is not well; null when it is.';

comment on column postrider.daemon.condition_reason is 'What keeps it from its work, as Postgres or the link said it last; null when it is well.';

comment on table postrider.delivery is 'One event for one endpoint: what has finished, and what waits. A first attempt that is under way has no row yet; postrider.delivery_status shows it.';

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

comment on table postrider.endpoint is 'Where events go: a URL and how to talk to it. Made by postrider.create_endpoint; may be edited: daemons see an edit within moments, and the audit keeps what was before.';

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

comment on table postrider.endpoint_failure is 'Endpoints that have ever failed, and whether they still do; postrider.endpoint_health shows it. Apart from endpoint, which people edit and lock, and without a foreign key to it: a daemon must not wait for an operator. A success writes here only where it ends a failure.';

comment on column postrider.endpoint_failure.endpoint_id is 'The endpoint; it may be gone by now.';

comment on column postrider.endpoint_failure.consecutive_failures is 'Failed attempts since the last success; 0 after one.';

comment on column postrider.endpoint_failure.failing_since is 'When the first of them was recorded; null after a success.';

comment on column postrider.endpoint_failure.last_failure_at is 'When the last failure was recorded.';

comment on column postrider.endpoint_failure.last_failure_kind is 'Of what kind it was, as in postrider.attempt.';

comment on column postrider.endpoint_failure.last_http_status is 'The status that came back; null where none did.';

comment on column postrider.endpoint_failure.last_error is 'What went wrong, in a sentence.';

comment on column postrider.endpoint_failure.recovered_at is 'When a success last ended a row of failures.';

comment on table postrider.endpoint_secret is 'The secrets that sign an endpoint''s requests: all that have not expired, the newest first.';

comment on column postrider.endpoint_secret.id is 'Identifies the secret.';

comment on column postrider.endpoint_secret.endpoint_id is 'The endpoint that it signs for.';

comment on column postrider.endpoint_secret.secret is 'whsec_ and the key in base64, as Standard Webhooks has it. Never logged.';

comment on column postrider.endpoint_secret.created_at is 'When it was made.';

comment on column postrider.endpoint_secret.expires_at is 'From when on it no longer signs; null for never.';

comment on table postrider.event_type is 'The catalogue of event types. Written by postrider.define_event_type and drop_event_type, or by hand; daemons do not need it.';

comment on column postrider.event_type.name is 'The event type, as in postrider.outbox.event_type.';

comment on column postrider.event_type.description is 'What the event says, for people.';

comment on column postrider.event_type.json_schema is 'What its payloads look like: JSON Schema (2020-12), of the subset in sql/README.md. Null where that is not said.';

comment on column postrider.event_type.enforce is 'Whether an insert fails whose payload does not fit the schema.';

comment on column postrider.event_type.deprecated is 'Whether it is to be used no more. For people and generated code; inserts go on.';

comment on column postrider.event_type.created_at is 'When it was defined first.';

comment on column postrider.event_type.updated_at is 'When its definition was changed last. Kept by a trigger.';

comment on column postrider.event_type.checks is 'The schema as it is checked: without annotations, references written out. Kept by a trigger.';

comment on column postrider.event_type.predicate is 'The same as an SQL/JSON path that finds something in a payload that fits; null where no path can express it. Kept by a trigger.';

comment on column postrider.event_type.value_steps is 'How many steps of 0.05 us the predicate takes for a value of a payload, at most. Kept by a trigger.';

comment on column postrider.event_type.object_steps is 'How many it takes for an object besides, at most. Kept by a trigger.';

comment on column postrider.event_type.byte_steps is 'How many it takes for a byte besides, at most. Kept by a trigger.';

comment on table postrider.event_type_policy is 'One row: what becomes of events whose type is not in the catalogue. Set by postrider.refuse_unknown_event_types and allow_unknown_event_types, or by hand.';

comment on column postrider.event_type_policy.only_row is 'True.';

comment on column postrider.event_type_policy.unknown_types is 'allowed, or refused: an insert fails whose event type is not in postrider.event_type. Postrider''s own (postrider.*) are never refused.';

comment on column postrider.event_type_policy.changed_at is 'When this row or the catalogue was changed last. Kept by triggers.';

comment on table postrider.idempotency_key is 'Which event each idempotency key belongs to. Apart from the outbox, since a unique key of a partitioned table must hold the partition key.';

comment on column postrider.idempotency_key.tenant is 'The tenant within which the key is unique.';

comment on column postrider.idempotency_key.idempotency_key is 'The key as the application gave it.';

comment on column postrider.idempotency_key.event_id is 'The first event inserted with the key.';

comment on table postrider.ingest_position is 'How far each "postrider ingest" has got, written with the events. One row a followed file; one a run that reads its input, for as long as that runs.';

comment on column postrider.ingest_position.name is 'What it goes by: --name, or else the host and the path of the file.';

comment on column postrider.ingest_position.role_name is 'The role that began it: members of that role may go on with it.';

comment on column postrider.ingest_position.path is 'The file that is followed; null where standard input is read.';

comment on column postrider.ingest_position.run_id is 'The process that goes on with it, or was the last to.';

comment on column postrider.ingest_position.batch is 'How many batches the run has stored.';

comment on column postrider.ingest_position.file_id is 'Device and inode of the file that was read last, which may have been rotated since; null before the first line.';

comment on column postrider.ingest_position.file_modified_ns is 'When that file had been modified, in nanoseconds since 1970: rotated files that are newer have not been read. Null until something is stored.';

comment on column postrider.ingest_position.fingerprint is 'Digest of the first and the last kilobyte of what was read of it: inodes are used again, and copies have others. Null where there is none.';

comment on column postrider.ingest_position.byte_offset is 'Where the next line begins.';

comment on column postrider.ingest_position.line_number is 'How many lines are before that in the file, empty ones included.';

comment on column postrider.ingest_position.lines is 'Lines that were read since the row was made, empty ones not counted.';

comment on column postrider.ingest_position.events is 'Lines that became events.';

comment on column postrider.ingest_position.unmatched is 'Lines that --where left out.';

comment on column postrider.ingest_position.refused is 'Lines that could not become events; the log of the ingest says where they are, and why.';

comment on column postrider.ingest_position.created_at is 'When the ingest began.';

comment on column postrider.ingest_position.updated_at is 'When it stored something last.';

comment on table postrider.outbox is 'The events that applications committed, one row each, never updated. Insert event_type and payload; the rest is filled in or optional.';

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

comment on table postrider.replay is 'Replays: ranges of events that an endpoint gets again. Made by postrider.replay(), moved on by the daemons; to be read through postrider.replay_status.';

comment on column postrider.replay.id is 'Identifies the replay; ordered by time.';

comment on column postrider.replay.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.replay.since is 'Events from this time on, by when they were inserted.';

comment on column postrider.replay.until is 'Events from before this time.';

comment on column postrider.replay.event_type is 'Which types of those that the endpoint is subscribed to: exact, a prefix such as order.*, or *.';

comment on column postrider.replay.states is 'Only deliveries in one of these states; null for all, and for events that the endpoint has no delivery of.';

comment on column postrider.replay.state is 'preparing: deliveries are being made pending step by step; delivering: all are, and some are not finished; done; cancelled.';

comment on column postrider.replay.reason is 'Why it was cancelled; while it is under way, what was wrong with its last step.';

comment on column postrider.replay.events is 'How many events it was to send when it was asked for.';

comment on column postrider.replay.after_event is 'The cursor: everything up to this id has been looked at.';

comment on column postrider.replay.prepared is 'Deliveries that it has made or made pending again.';

comment on column postrider.replay.left_alone is 'Events of the range that were on their way already when their turn came.';

comment on column postrider.replay.exhausted is 'Deliveries that were exhausted again, without those in postrider.replay_failure.';

comment on column postrider.replay.discarded is 'Deliveries that were discarded meanwhile, without those in postrider.replay_failure.';

comment on column postrider.replay.restored is 'Deliveries that were not sent and have the state again that they had before, since it was cancelled.';

comment on column postrider.replay.pace is 'How many deliveries one step makes: grows and shrinks with what the endpoint takes.';

comment on column postrider.replay.created_at is 'When it was asked for.';

comment on column postrider.replay.progressed_at is 'When a step last found something to do.';

comment on column postrider.replay.next_step_at is 'When its next step is due.';

comment on column postrider.replay.finished_at is 'When it was done, or cancelled and nothing of it was in flight any more.';

comment on column postrider.replay.requested_by is 'The database role that asked for it.';

comment on table postrider.replay_failure is 'Replayed deliveries that did not succeed and are not counted yet: added by a trigger, taken into postrider.replay by the next step. Apart from it, so that nobody who records waits for a counter.';

comment on column postrider.replay_failure.replay_id is 'The replay.';

comment on column postrider.replay_failure.state is 'exhausted or discarded.';

comment on table postrider.schema_migration is 'The migrations that made this schema, one row each. Written by "postrider migrate", or by the script it prints.';

comment on column postrider.schema_migration.version is 'The number of the migration: 1, 2, 3 and so on, without gaps.';

comment on column postrider.schema_migration.name is 'The name of its file, without the ending.';

comment on column postrider.schema_migration.sha256 is 'The SHA-256 of the file as it was applied, with LF line ends. A program that knows another text refuses to go on.';

comment on column postrider.schema_migration.breaking is 'Whether a daemon that does not know this migration must stop.';

comment on column postrider.schema_migration.applied_at is 'When its transaction began.';

comment on column postrider.schema_migration.applied_by is 'The role that had logged in.';

comment on column postrider.schema_migration.postrider_version is 'The version of the program that applied or printed it.';

comment on column postrider.schema_migration.duration_ms is 'How long its statements took, in milliseconds.';

comment on table postrider.sending is 'One row: whether daemons send from this database, and in which database of which cluster they do. Switch them off, here and wherever this row is copied to: update postrider.sending set is_on = false, reason = ''...''.';

comment on column postrider.sending.is_row is 'True: there is one row.';

comment on column postrider.sending.is_on is 'False: nothing is claimed and no request is begun until it is true again; events are accepted and wait.';

comment on column postrider.sending.reason is 'Why it is off; cleared when it is switched on.';

comment on column postrider.sending.changed_at is 'When is_on or the reason was changed last. Kept by a trigger.';

comment on column postrider.sending.changed_by is 'The database role that changed it. Kept by a trigger.';

comment on column postrider.sending.is_guarded is 'Whether the cluster is told by its system identifier. False only where pg_control_system() may not be called: a copy in another cluster is then not noticed, unless its oid differs. A change forgets the home: where events were claimed, daemons stop until postrider.adopt() is called.';

comment on column postrider.sending.system_identifier is 'The cluster that daemons work in, as pg_control_system() has it. A restored or copied database still says the one it comes from: daemons stop there, until postrider.adopt() has been called.';

comment on column postrider.sending.database_oid is 'The database of that cluster; null as long as no daemon has worked anywhere.';

comment on column postrider.sending.home_since is 'When the first daemon began to work there, or the database was adopted.';

comment on table postrider.subscription is 'Rules: events of these types, matching this filter, go to this endpoint. However many rules match, an endpoint gets one delivery of an event.';

comment on column postrider.subscription.id is 'Identifies the subscription.';

comment on column postrider.subscription.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.subscription.tenant is 'The endpoint''s tenant. Filled in.';

comment on column postrider.subscription.event_type is 'An event type, a prefix such as order.*, or * for all but postrider''s own.';

comment on column postrider.subscription.filter is 'An SQL/JSON path predicate over the payload, such as $.amount > 100; null for no filter. No answer is no match.';

comment on column postrider.subscription.created_at is 'When the subscription was made.';

comment on view postrider.backlog is 'What waits, by endpoint; the row without an endpoint counts events that no daemon has claimed yet. Counts up to 10,000 of each (100 of each once it has counted 100,000) and says where there are more, so that it is cheap however much waits.';

comment on column postrider.backlog.endpoint_id is 'The endpoint; null for events that have not been claimed.';

comment on column postrider.backlog.tenant is 'The endpoint''s tenant.';

comment on column postrider.backlog.url is 'The endpoint''s URL, without user, password and query.';

comment on column postrider.backlog.endpoint_state is 'active, paused, disabled or deleted.';

comment on column postrider.backlog.pending is 'Deliveries that wait or are leased; for unclaimed events, their number. At least so many where is_exact is false.';

comment on column postrider.backlog.due is 'Those whose time has come. At least so many where it is as large as an inexact pending.';

comment on column postrider.backlog.oldest_at is 'When the oldest of their events was inserted, however many there are; for more unclaimed events than are counted, the oldest of those that are claimed next.';

comment on column postrider.backlog.oldest_age is 'How long ago that was.';

comment on column postrider.backlog.is_exact is 'False where there are more than were counted.';

comment on view postrider.capture_status is 'Which tables'' changes become events, one row a capture, read from their triggers. Made by postrider.capture, ended by postrider.uncapture or with the table.';

comment on column postrider.capture_status.table_name is 'The table.';

comment on column postrider.capture_status.event_type is 'The type of the events.';

comment on column postrider.capture_status.operations is 'Of insert, update and delete those that make events.';

comment on column postrider.capture_status.condition is 'Which changes make an event, as it was given to capture; null for all that change anything. Columns that were renamed since have their earlier names here.';

comment on column postrider.capture_status.payload is 'The expression for the payload; null for the default: operation, table, old and new.';

comment on column postrider.capture_status.ordering_key is 'The expression for the ordering key; null for none.';

comment on column postrider.capture_status.tenant is 'The expression for the tenant; null for the empty tenant.';

comment on column postrider.capture_status.function_name is 'The function of the triggers, made by capture.';

comment on column postrider.capture_status.runs_as is 'With whose rights the function acts: whoever owned the table when it was captured.';

comment on column postrider.capture_status.problem is 'What keeps changes from becoming events, and what to do; null if nothing does.';

comment on view postrider.daemon_status is 'The daemons: whether each is heard of, and what keeps it from its work.';

comment on column postrider.daemon_status.id is 'The daemon.';

comment on column postrider.daemon_status.host is 'Where it runs.';

comment on column postrider.daemon_status.pid is 'Its process id there.';

comment on column postrider.daemon_status.version is 'Version of the program.';

comment on column postrider.daemon_status.state is 'live; late: its beat is overdue, since it is frozen, gone, cut off, or Postgres takes no writes from it; lost: its lease has run out, and others take over its claims. A daemon that comes back from that goes on under a new id.';

comment on column postrider.daemon_status.condition is 'What it said of itself at its last beat: well, not_recording, not_claiming, not_sending or blind; postrider.daemon says what they mean.';

comment on column postrider.daemon_status.condition_since is 'Since when it is not well; null when it is.';

comment on column postrider.daemon_status.condition_reason is 'What keeps it from its work; null when it is well.';

comment on column postrider.daemon_status.started_at is 'When it started.';

comment on column postrider.daemon_status.beat_at is 'When it was heard of last.';

comment on column postrider.daemon_status.lease_expires_at is 'From when on its claims are taken over.';

comment on column postrider.daemon_status.in_flight is 'Requests under way at its last beat.';

comment on column postrider.daemon_status.waiting is 'First attempts waiting in its memory at its last beat.';

comment on column postrider.daemon_status.claims is 'Claims it has in hand.';

comment on view postrider.delivery_status is 'Every delivery with what became of it, also those whose first attempt is under way. Cheap for one event; for many, say since when: where event_id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';

comment on column postrider.delivery_status.event_id is 'The event.';

comment on column postrider.delivery_status.endpoint_id is 'The endpoint.';

comment on column postrider.delivery_status.event_type is 'The event''s type.';

comment on column postrider.delivery_status.tenant is 'The event''s tenant.';

comment on column postrider.delivery_status.state is 'pending, succeeded, exhausted or discarded.';

comment on column postrider.delivery_status.detail is 'The state, and for a pending delivery what it waits for: in flight, paused, retrying, scheduled, deferred; cancelled: its last attempt is under way.';

comment on column postrider.delivery_status.reason is 'Why it was discarded.';

comment on column postrider.delivery_status.attempts is 'Attempts recorded so far.';

comment on column postrider.delivery_status.last_http_status is 'The status that the last attempt got; null where none came back.';

comment on column postrider.delivery_status.last_error is 'What was wrong with the last attempt; null if nothing was.';

comment on column postrider.delivery_status.next_attempt_at is 'When the next attempt is due; while one is under way, when its lease ends.';

comment on column postrider.delivery_status.created_at is 'When the delivery came about.';

comment on column postrider.delivery_status.finished_at is 'When it succeeded, was exhausted or was discarded.';

comment on view postrider.endpoint_health is 'Whether each endpoint fails, since when and how, and from when on that would disable it. Reads endpoints alone, however many deliveries there are. Failures of deliveries that were sent again by hand do not count, successes do.';

comment on column postrider.endpoint_health.endpoint_id is 'The endpoint.';

comment on column postrider.endpoint_health.url is 'Its URL.';

comment on column postrider.endpoint_health.tenant is 'Its tenant.';

comment on column postrider.endpoint_health.state is 'active, paused or disabled.';

comment on column postrider.endpoint_health.state_reason is 'Why it is paused or disabled.';

comment on column postrider.endpoint_health.is_failing is 'Whether its last attempt failed.';

comment on column postrider.endpoint_health.failing_since is 'When the first failure after the last success was recorded; null where it does not fail.';

comment on column postrider.endpoint_health.consecutive_failures is 'Failed attempts since the last success, over all its deliveries.';

comment on column postrider.endpoint_health.last_failure_at is 'When the last failure was recorded, also where a success came after it; null where there was none.';

comment on column postrider.endpoint_health.last_failure_kind is 'Of what kind it was, as in postrider.attempt.';

comment on column postrider.endpoint_health.last_http_status is 'The status that it got; null where none came back.';

comment on column postrider.endpoint_health.last_error is 'What went wrong, in a sentence.';

comment on column postrider.endpoint_health.recovered_at is 'When a success last ended a row of failures. Other successes are not noted here: that would be a write for each of them.';

comment on column postrider.endpoint_health.disabled_from is 'The first failure from this time on disables it, if no success comes before; null where it does not fail, is not active, or has no disable_after.';

comment on view postrider.in_flight is 'Deliveries that a daemon has in hand: first attempts from its memory, and leased ones.';

comment on column postrider.in_flight.event_id is 'The event.';

comment on column postrider.in_flight.endpoint_id is 'The endpoint.';

comment on column postrider.in_flight.attempt_number is 'Which attempt it is.';

comment on column postrider.in_flight.daemon_id is 'The daemon that has it in hand.';

comment on column postrider.in_flight.since is 'When it was claimed; null for a leased delivery.';

comment on column postrider.in_flight.lease_expires_at is 'Until when it is leased; null for a first attempt, which is held as long as its daemon beats.';

comment on view postrider.replay_status is 'The replays and how far they are. Cheap: what has finished is counted as it finishes, and what is pending of a replay is bounded.';

comment on column postrider.replay_status.replay_id is 'The replay.';

comment on column postrider.replay_status.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.replay_status.url is 'The endpoint''s URL.';

comment on column postrider.replay_status.endpoint_state is 'active; paused: the replay waits; disabled or deleted: it was cancelled with it.';

comment on column postrider.replay_status.state is 'preparing: deliveries are being made pending step by step; delivering: all are, and some are not finished; done; cancelled.';

comment on column postrider.replay_status.reason is 'Why it was cancelled; while it is under way, what was wrong with its last step.';

comment on column postrider.replay_status.since is 'Events from this time on, by when they were inserted.';

comment on column postrider.replay_status.until is 'Events from before this time.';

comment on column postrider.replay_status.event_type is 'Which types of those that the endpoint is subscribed to.';

comment on column postrider.replay_status.states is 'Only deliveries in one of these states; null for all, and for events without a delivery.';

comment on column postrider.replay_status.events is 'How many events it was to send when it was asked for.';

comment on column postrider.replay_status.prepared is 'How many it has made pending so far.';

comment on column postrider.replay_status.left_alone is 'Events of the range that were on their way already when their turn came.';

comment on column postrider.replay_status.pending is 'Deliveries that wait, are in flight or are being retried.';

comment on column postrider.replay_status.succeeded is 'Deliveries that have succeeded.';

comment on column postrider.replay_status.exhausted is 'Deliveries whose retry schedule was used up.';

comment on column postrider.replay_status.discarded is 'Deliveries that were discarded.';

comment on column postrider.replay_status.restored is 'Deliveries that were not sent and have the state again that they had before, since it was cancelled.';

comment on column postrider.replay_status.created_at is 'When it was asked for.';

comment on column postrider.replay_status.progressed_at is 'When its cursor last moved.';

comment on column postrider.replay_status.finished_at is 'When it was done, or cancelled and nothing of it was in flight any more.';

comment on column postrider.replay_status.requested_by is 'The database role that asked for it.';

comment on function postrider.adopt(boolean) is 'Lets daemons work in a database that was restored or copied from another one: what was not claimed there is claimed here, what was in hand is taken over, what was delivered is not sent again. Says what it does; dry_run: what it would do. problem: what shows that the database is a copy; moved: settled events whose transaction id was changed.';

comment on function postrider.allow_unknown_event_types(text) is 'Events of types that are not in the catalogue may be inserted. So it is from the beginning.';

comment on function postrider.are_retry_waits(interval[]) is 'Whether each of these is a wait of 1 ms to 30 days.';

comment on function postrider.attach_partition(text,date,boolean) is 'Makes the partition of that day, in UTC, of postrider.outbox, delivery or attempt; with_strays moves what the default partition has of it.';

comment on function postrider.beat(uuid,text,integer,text,integer,integer,integer,text,integer,text,boolean) is 'A daemon''s heartbeat: renews its lease on everything it has claimed, and says in what condition it is, for how long and why. False where the lease has run out: is_renewal says that the daemon believes to have one.';

comment on function postrider.begin_action(text,uuid,jsonb) is 'Adds a row to the audit, to which everything that is changed until end_action adds what was before and after.';

comment on function postrider.cancel(uuid,uuid,text) is 'No further attempts of a delivery. Returns what it is now: discarded; pending, where a daemon has it in hand: it is discarded within moments, or when the attempt that is under way has failed, and succeeded if that one succeeds; or how it had ended before. postrider.redeliver takes it up again.';

comment on function postrider.cancel_replay(uuid) is 'Ends a replay. Deliveries that it has not sent have the state again that they had before; those that did not exist are discarded. What a daemon has in hand is sent.';

comment on function postrider.capture(regclass,text,text[],text,text,text,text) is 'Makes changes of a table''s rows into events of that type, in the transaction that changes them; capturing the same type again replaces what was. condition, payload, ordering_key and tenant are SQL expressions over old and new, which are null where an insert has no old row and a delete no new one. For the owner of the table, who must be a publisher.';

comment on function postrider.capture_function(text,text,text,text,text) is 'The body of a capture''s trigger function.';

comment on function postrider.check_capture(regclass,text[]) is 'Raises where the changes of a table cannot be captured rightly or the caller may not, with the reason.';

comment on function postrider.check_capture_expression(regclass,text,text,text,text) is 'Raises where this is not a single SQL expression over old and new of the type that it is needed for. Acts with its caller''s rights.';

comment on function postrider.claim_deliveries(uuid,uuid,integer,integer,integer,uuid[],integer[],integer,integer) is 'Leases due deliveries to a daemon, a few of each endpoint. The last row says where to go on, null after the last endpoint, and when more is due.';

comment on function postrider.claim_events(uuid,integer,integer,integer,integer,uuid[],uuid[]) is 'Claims a page of new events for a daemon and routes it. The first row says what came of it (off: sending is switched off); then one row for each event whose first attempts the daemon has in hand. A page ends before an event with a filter that takes too long: the first row then has that event and endpoint, and where nothing is before it nothing is claimed (slow). unjudged_endpoints, unjudged_events: whose filters are not applied to which event (null: to any), the delivery being discarded for that; null for the former: no filters at all.';

comment on function postrider.close_ingest(text,uuid) is 'Ends a run: one that read its input leaves nothing behind, one that followed a file its position.';

comment on function postrider.compile_reference(text,jsonb,text,text[]) is 'What is checked of a definition that a JSON Schema refers to.';

comment on function postrider.compile_schema(jsonb,jsonb,text,text[]) is 'What of a JSON Schema is checked, with references written out; raises where it is not of the subset. references_followed: one element a level, the name of the definition where the level is a reference.';

comment on function postrider.conjunction(text[]) is 'All of these predicates of SQL/JSON path; null where one of them cannot be expressed.';

comment on function postrider.copy_problem() is 'What shows that this database was restored or copied from another one, whose place it has not taken: daemons stop here until postrider.adopt() is called. Null where they may work.';

comment on function postrider.count_replay_failures(uuid) is 'Takes the failures of a replay that are not counted yet into its row.';

comment on function postrider.count_unclaimed(integer) is 'Events that no daemon has claimed, so many counted at most; is_exact is false where there are more, and oldest_at is then of those that are claimed next.';

comment on function postrider.count_waiting(integer) is 'Pending deliveries by endpoint, so many of each counted at most, and a hundredth of that once ten times as many have been counted; is_exact is false where there are more.';

comment on function postrider.create_capture_trigger(text,text) is 'Creates a trigger whose condition is read with this search_path. Acts with its caller''s rights.';

comment on function postrider.create_endpoint(text,text[],text,jsonb) is 'Makes an endpoint with one subscription for each of the event types. Returns its id and the secret that the receiver verifies with. Options: format, timeout_ms, retry_schedule, headers, disable_after.';

comment on function postrider.define_event_type(text,text,jsonb,boolean,boolean) is 'Puts an event type into the catalogue, or replaces its definition by this one: what is left out is not kept. With enforce, from their next statement on inserts fail whose payload does not fit the schema.';

comment on function postrider.delete_records(timestamp with time zone) is 'Deletes some replays that were finished before that time, and some rows of the audit that are as old and older than a year; returns how many.';

comment on function postrider.delete_strays(date) is 'Deletes some of the rows of the default partitions that are of days before that one, in UTC, and that nobody needs any more; returns how many.';

comment on function postrider.disable_endpoint(uuid,text) is 'Disables an endpoint: it gets no new deliveries, and pending ones are discarded.';

comment on function postrider.discard_deliveries(uuid,text,integer) is 'Discards up to so many pending deliveries of an endpoint; returns how many. Attempts under way are left alone.';

comment on function postrider.discard_reason(text) is 'Why a delivery of an endpoint in this state (null: deleted) is discarded.';

comment on function postrider.drop_capture(regclass,text) is 'Drops the triggers of a capture, and what functions of captures in that schema have no triggers any more. Returns whether there was one.';

comment on function postrider.drop_days(date) is 'Takes one step towards the end of the days before that one, in UTC, in which nothing is needed any more: deleted, some of their idempotency keys; emptied, a day; dropped, a partition of an empty one; busy, somebody holds a lock.';

comment on function postrider.drop_event_type(text) is 'Takes an event type out of the catalogue. Events of that type are delivered as before, and inserted too unless unknown types are refused.';

comment on function postrider.elements_problem(jsonb,jsonb,text,integer) is 'What payload_problem says of the first element of an array that does not fit.';

comment on function postrider.empty_claims(uuid,bigint[]) is 'Takes the pairs out of claims that are finished and must stay, being the cursor.';

comment on function postrider.enable_endpoint(uuid) is 'Enables a disabled endpoint: it gets the events from now on.';

comment on function postrider.end_action() is 'From now on a change has a row in the audit of its own again.';

comment on function postrider.end_replay(uuid,text) is 'Cancels a replay and withdraws what has not been sent; it is finished when nothing of it is in flight any more.';

comment on function postrider.end_replays() is 'Cancels the replays of an endpoint that was disabled or deleted.';

comment on function postrider.endpoint_audit() is 'Notes an edit of an endpoint in the audit; one that changes nothing leaves no row.';

comment on function postrider.endpoint_changed() is 'Discards what waits for an endpoint that was disabled or deleted; wakes the daemons for one that was resumed.';

comment on function postrider.endpoint_changing() is 'Keeps an endpoint''s revision and times.';

comment on function postrider.endpoint_judging() is 'Refuses what the table''s constraints refuse, without showing the row: headers and URL may hold what is secret.';

comment on function postrider.endpoint_secret_changed() is 'Counts up the endpoint''s revision, so that daemons load the secrets anew.';

comment on function postrider.endpoint_secret_changing() is 'Bounds the secrets that sign for one endpoint to 10, and locks the endpoint, in a way that cannot deadlock.';

comment on function postrider.equality_predicate(jsonb,text) is 'A predicate of SQL/JSON path: @ is one of these, which are in that place of the checks; null where that cannot be expressed, as with lists and objects.';

comment on function postrider.event_type_audit() is 'Notes an edit of the catalogue, or of what becomes of unknown types, in the audit.';

comment on function postrider.event_type_changing() is 'Reads the schema of a definition, and refuses what is not of the subset.';

comment on function postrider.event_type_patterns(text) is 'The patterns of subscriptions that match an event type: itself, its prefixes, and * unless it is one of postrider''s own.';

comment on function postrider.explain_event(uuid) is 'For each endpoint of the event''s tenant: what became of the event there, or why nothing did, and what would happen if it were inserted now. Why an event did not match is told by the subscriptions as they are now; what was changed since is named.';

comment on function postrider.explain_filter(json,jsonpath) is 'Why a payload does not match a filter; null where it does.';

comment on function postrider.explain_match(text,json,uuid) is 'Why an event of this type with this payload does not match an endpoint''s subscriptions as they are now; null where it does.';

comment on function postrider.finish_cancellations() is 'Discards what was cancelled while a daemon had it in hand and is in nobody''s hand any more, and forgets cancels whose delivery has come to its end.';

comment on function postrider.forget_ingest(text) is 'Forgets how far an ingest has got: the next one of that name begins anew. For files and hosts that are gone.';

comment on function postrider.grant_roles() is 'Makes the four roles of Postrider where the caller may, and grants each what it is to have; for each role: granted, or missing where somebody who may create roles has to make it first. For the owner of the schema; safe at any time, and as often as one likes.';

comment on function postrider.header_problem(jsonb) is 'What is wrong with the first of these request headers that HTTP does not allow, without its value; null where nothing is.';

comment on function postrider.ingest_lock_key(text) is 'The key of the advisory lock that the session of an ingest holds.';

comment on function postrider.insert_lines(text,text,text[],integer[]) is 'Inserts lines as events, in order, all but those that Postgres refuses: their numbers are returned, with the reasons.';

comment on function postrider.is_claimed(xid8,bigint) is 'Whether the cursor has passed an event: from then on subscriptions no longer matter to it.';

comment on function postrider.is_count(jsonb) is 'Whether this is a whole number that is not negative.';

comment on function postrider.is_listed(jsonb) is 'Whether a predicate compares with these values as a list, because they are many and, but for null, of one type.';

comment on function postrider.is_needed(uuid,uuid) is 'Whether an event with an id from the one to below the other is not claimed yet, in a daemon''s hand, undelivered, or to be replayed.';

comment on function postrider.is_option(jsonb,jsonb) is 'Whether a value is one of a list.';

comment on function postrider.is_own(xid8,xid) is 'Whether a row that says which transaction wrote it was written by that one, and is not restored or replicated: row_xmin is its xmin.';

comment on function postrider.is_recorded(uuid[],uuid[]) is 'Whether each of these pairs has its delivery, so that the claim that held them may go.';

comment on function postrider.is_settled(xid8,bigint,timestamp with time zone,xid,pg_snapshot,pg_snapshot,xid8,bigint,timestamp with time zone,boolean) is 'Whether the cursor that is there has passed an event. is_copied: the cursor is of another cluster.';

comment on function postrider.is_wake_off() is 'Whether the setting postrider.wake is off: any of the words that Postgres takes for false, in capitals or not.';

comment on function postrider.judge_filters(json,uuid[],jsonpath[]) is 'The endpoints one of whose filters the payload matches, and those where Postgres cannot judge, with the reason; no answer is no match. Takes a second at most, and what one filter takes: at a filter that takes longer than half a second it stops (is_slow), and what it has said about the others is not all.';

comment on function postrider.judge_lines(text[],jsonpath) is 'Which lines are JSON and match the filter, and which Postgres cannot read or judge, with the reasons. Line by line, as subscriptions are judged.';

comment on function postrider.judge_payload(text,json,jsonb,jsonpath,bigint,bigint,bigint) is 'Refuses a payload that does not fit, with the reason. What is too much work for both predicate and walk is refused as well: half a second is the most.';

comment on function postrider.judged_event_types() is 'The event types whose definition an insert looks at, those that are enforced; null for all. Written anew by postrider.set_judged_event_types when the catalogue changes.';

comment on function postrider.keyword_advice(text) is 'What to do about a keyword of JSON Schema that was refused.';

comment on function postrider.keyword_problem(text,jsonb) is 'What is wrong with a keyword of JSON Schema: that it is outside of the subset, or that its value makes no sense; null where nothing is.';

comment on function postrider.leave(uuid) is 'A clean stop: whatever the daemon still had in hand may be taken over at once.';

comment on function postrider.length_predicate(numeric,numeric) is 'A predicate of SQL/JSON path: the text @ has so many characters, one of the bounds may be null; null where that cannot be expressed.';

comment on function postrider.lock_endpoint(uuid) is 'The state of an endpoint, which nobody else changes until this transaction has ended: what follows from it is right. An operator''s actions take this lock first, then that on secrets, subscriptions or deliveries.';

comment on function postrider.lock_event_types() is 'Lets one transaction at a time edit the catalogue. A write, so that one with an older snapshot fails instead of overlooking the last edit.';

comment on function postrider.maintain(interval) is 'Takes one step of keeping the partitions, and says which: those of the days ahead are made, and what is older than the retention goes, by whole days, once nothing in them is needed any more. No row: nothing is left to do, or somebody else is at it. busy: somebody holds a lock, try again later. Daemons call it, with POSTRIDER_RETENTION; a scheduler may, once a minute or so, with the same retention.';

comment on function postrider.make_capture(regclass,text,text[],text,text,text,text,name[]) is 'What capture does, with the schemas in which the expressions find what they name. Acts with its caller''s rights.';

comment on function postrider.make_partitions(interval) is 'Takes one step of making the daily partitions from today on, so far ahead, and says which: made, one is there; guarded, validated and released are steps on the way where there is much in the default partition; busy, somebody holds a lock: call again later. No row: nothing is left to do, or somebody else is at it. Daemons call it until then; safe at any time.';

comment on function postrider.masked_headers(jsonb,jsonb) is 'Request headers without their values, and which of them are not as they were earlier.';

comment on function postrider.move_sequence(text,text,bigint,integer) is 'Lets the sequence of a column go on behind the largest value there is, where it has not come so far: a logical copy leaves sequences at their beginning.';

comment on function postrider.move_strays(date) is 'Takes one step of moving the rows of past days, from that day on, in UTC, from the default partitions into partitions of their own, where there are few, and says which was made.';

comment on function postrider.nearest_event_type(text) is 'The defined event type that somebody most likely meant; null where none is near.';

comment on function postrider.new_secret() is 'A secret such as Standard Webhooks has them, of 32 random bytes.';

comment on function postrider.note_action(text,uuid,uuid,jsonb) is 'Adds a row to the audit, for an action that changes no endpoint, subscription or secret.';

comment on function postrider.note_change(text,uuid,text,jsonb,jsonb) is 'Writes what was before and after into the audit: to the row of the function that is at work, or to one of its own. list_name: the list that it is an element of.';

comment on function postrider.note_health(uuid[],uuid[],uuid[],double precision[],integer[],smallint[],text[],text[]) is 'Keeps postrider.endpoint_failure: what these attempts say about their endpoints. Disables those that have had nothing but failures for longer than their disable_after.';

comment on function postrider.note_replay_failure() is 'Notes a replayed delivery that was exhausted or discarded.';

comment on function postrider.note_replay_problem(uuid,text) is 'Says what was wrong with a step, where operators look for it; the next one is due in ten seconds.';

comment on function postrider.notify_daemons() is 'Notifies the daemons, asleep or not. For what operators do, which is rare: a daemon that is awake but idle, since a writer''s transaction is open, would find it with its next poll only.';

comment on function postrider.object_predicate(jsonb,text) is 'A predicate of SQL/JSON path: the object @ has the properties that it must and may have; null where that cannot be expressed.';

comment on function postrider.open_ingest(text,text,uuid,boolean,text,text) is 'Begins an ingest, or goes on with it, for as long as the session lasts. outcome: new, or known, with the position; busy: another session has it; displaced: the run that wants to go on is no longer the last one.';

comment on function postrider.outbox_idempotency() is 'Leaves an event out of the insert if its idempotency key is known already.';

comment on function postrider.outbox_refuse() is 'Refuses an event that says it was inserted by another transaction, one whose payload does not fit its enforced schema, and one of an unknown type where these are refused.';

comment on function postrider.outbox_wake() is 'Wakes the daemons after a statement has inserted events.';

comment on function postrider.parse_filter(text) is 'Reads a filter, or says what is wrong with it.';

comment on function postrider.partition_time(uuid) is 'The time that the first 48 bits of a UUID stand for, whatever its version: what its partition goes by.';

comment on function postrider.pause_endpoint(uuid,text) is 'Pauses an endpoint: its events are routed and wait, nothing is lost.';

comment on function postrider.payload_problem(jsonb,jsonb,text,integer) is 'Where a payload does not fit these checks, what was expected there and what was found; null where it fits. steps_left bounds the work: where it is less than 0 in the end, the steps were used up, and nothing is known.';

comment on function postrider.payload_steps(text,bigint,bigint,bigint) is 'How many steps a predicate takes to judge a payload, at most.';

comment on function postrider.place_within(text,text) is 'Where a part of the checks is, as a variable of SQL/JSON path: a predicate is judged with the checks as its variables.';

comment on function postrider.pointer_step(text) is 'A further step of a JSON pointer (RFC 6901).';

comment on function postrider.predicate_for(text,jsonb,text) is 'A predicate of SQL/JSON path: if @ is of that type, then this. types: those that @ is known to be one of; null for all.';

comment on function postrider.predicate_steps(jsonb) is 'How many steps of 0.05 us a predicate for these checks takes for each value of a payload, each object besides, and each byte, at most.';

comment on function postrider.prepare_deliveries(postrider.replay,uuid,integer,integer) is 'Makes the deliveries of one stretch of a replay pending, up to so many; returns the cursor''s next place. is_held_up: a delivery is locked, and is looked at again.';

comment on function postrider.prepare_replay(uuid) is 'One step of a replay: makes the next few of its deliveries pending, and moves its cursor, or finishes it. outcome is its state, cancelling while something of it is in flight still, busy where nothing is to be done now.';

comment on function postrider.present_place() is 'Which database of which cluster this is. The cluster is null where postrider.sending is not guarded.';

comment on function postrider.properties_problem(jsonb,jsonb,text,integer) is 'What payload_problem says of the first property of an object that does not fit.';

comment on function postrider.publish(text,json,text,text,timestamp with time zone,text,jsonb) is 'Inserts an event into the outbox, in the caller''s transaction, and returns its id; for an idempotency key that is known already, the id of the first event with it.';

comment on function postrider.record_results(uuid,boolean,boolean,uuid[],uuid[],bigint[],integer[],uuid[],double precision[],integer[],smallint[],text[],text[],json[],text[],text[],bigint[],text[],bigint[],uuid[]) is 'Records what a daemon''s attempts came to, in one transaction for many: first attempts from memory, or leased deliveries. Takes away claims that are finished. kept_claims: those of them that must stay for now; locked: which results, from 1, are still to be decided.';

comment on function postrider.redeliver(uuid,uuid) is 'Makes one further attempt of a delivery, now, whatever became of it. Numbering goes on; a failure follows the retry schedule from its beginning.';

comment on function postrider.refresh_judged_event_types() is 'Lets inserts look at what the catalogue says, whatever a restore or a copy has left out: maintain(), adopt() and grant_roles() call it. Writes nothing where all is as it should be.';

comment on function postrider.refuse_captured_truncate() is 'Refuses to truncate a table whose deletes are captured.';

comment on function postrider.refuse_if_unknown(text) is 'Refuses an event type that is not in the catalogue, where such are refused.';

comment on function postrider.refuse_payload(text,text,text) is 'Refuses an event for its payload.';

comment on function postrider.refuse_schema(text,text,text) is 'Raises what is wrong with a JSON Schema, where, and what to do.';

comment on function postrider.refuse_truncate() is 'Refuses to truncate what operators edit: no trigger for rows fires for that.';

comment on function postrider.refuse_unknown_event_types(text) is 'From their next statement on inserts fail whose event type is not in the catalogue. Define the types first.';

comment on function postrider.refuse_unknown_type(text) is 'Refuses an event for its type, and names the one that may have been meant.';

comment on function postrider.replay(uuid,timestamp with time zone,timestamp with time zone,text,text[],boolean) is 'Sends a range of events to an endpoint again: those inserted since, and before until, that its subscriptions match now, also from before it existed. event_type and states (succeeded, exhausted, discarded) narrow it down. Returns the replay''s id and how many events it is; dry_run only counts. Reads the range once, some 10 us an event.';

comment on function postrider.replay_end(timestamp with time zone) is 'The bound below which the ids of all events lie that were inserted before this time.';

comment on function postrider.replay_stretch(postrider.replay,uuid,integer,integer) is 'Looks at up to so many events of a replay''s range, from a cursor on: which of them it sends. The last row, end, is the cursor''s next place.';

comment on function postrider.require_endpoint(uuid) is 'Raises an error where there is no such endpoint.';

comment on function postrider.require_home(boolean) is 'Whether sending is switched on. Raises PR014 where this database is a copy that was not adopted. may_move_in: the first daemon of all writes down where it works, before it does anything else.';

comment on function postrider.require_ingest_role(text,text) is 'Raises an error where who logged in may not go on with an ingest that this role began.';

comment on function postrider.resume_endpoint(uuid) is 'Lets a paused endpoint go on with what waits for it.';

comment on function postrider.rotate_secret(uuid,interval) is 'Makes a new secret for an endpoint and returns it: give it to whoever receives. Every request is signed with the new one and, until the overlap has passed, with the old ones too; 0 drops them at once.';

comment on function postrider.row_change(text,text,json,json) is 'The payload of a captured change: the new row in full; of the old row, for an update, the columns that changed, for a delete all.';

comment on function postrider.rule_audit() is 'Notes an edit of a subscription or a secret in the audit, without the secret.';

comment on function postrider.scalar_problem(jsonb,jsonb) is 'Why a value does not fit these checks, whatever it contains; null where it does.';

comment on function postrider.schema_predicate(jsonb,text) is 'A predicate of SQL/JSON path: @ fits these checks, which are in that place of the whole; null where that cannot be expressed.';

comment on function postrider.sending_changed() is 'Notes in the audit that sending was switched, that the guard was changed, or that the home was, and tells the daemons.';

comment on function postrider.sending_changing() is 'Notes when and by whom sending was switched, and forgets the home where the guard is changed.';

comment on function postrider.set_endpoint_state(uuid,text,text,text) is 'Changes an endpoint''s state and notes who did it.';

comment on function postrider.set_judged_event_types() is 'Writes the function by which an insert knows whether it has to look at a definition, where it is not as the catalogue has it.';

comment on function postrider.set_unknown_types(text,text,text) is 'Says what becomes of events of unknown types, as an action of that name.';

comment on function postrider.shown_pointer(text) is 'A JSON pointer as it is shown: quoted, and of bounded length.';

comment on function postrider.shown_time(timestamp with time zone) is 'A time to the second, in the session''s time zone.';

comment on function postrider.shown_value(jsonb) is 'Of which kind and length a value of a payload is, without the value.';

comment on function postrider.small_payload(json,integer) is 'The text of a payload; null where it is larger than that many bytes, and is to be loaded when its turn comes.';

comment on function postrider.store_lines(text,uuid,bigint,text,text,jsonpath,text,integer,text,bigint,text,bigint,bigint) is 'Inserts one batch of lines as events and moves the position behind them. outcome: stored; repeated: it was stored before; displaced: another run goes on with the ingest, and nothing was done. refused: numbers of lines within the batch, from 1.';

comment on function postrider.subscribe(uuid,text,text) is 'Subscribes an endpoint to an event type (exact, a prefix such as order.*, or *), with a filter or without. Returns the subscription''s id.';

comment on function postrider.subscription_changing() is 'Fills in the tenant, and refuses an endpoint that does not exist and a filter that is no predicate.';

comment on function postrider.take_over_claim(uuid,bigint[],integer) is 'Takes over one claim of a daemon that is gone, or adopts one of the caller''s own that it does not know of; no rows where there is none.';

comment on function postrider.trigger_arguments(bytea) is 'The arguments of a trigger, from pg_trigger.tgargs; one empty text follows the last.';

comment on function postrider.type_predicate(jsonb) is 'A predicate of SQL/JSON path: @ is of one of these types of JSON Schema.';

comment on function postrider.uncapture(regclass,text) is 'Ends a capture: changes of the table''s rows make no more events of that type. Events that were made are delivered. For the owner of the table.';

comment on function postrider.unsubscribe(uuid) is 'Takes a subscription away. Deliveries that exist already go on.';

comment on function postrider.url_without_secrets(text) is 'A URL without user, password, query and fragment: what may be shown to those who are shown no secrets.';

comment on function postrider.uuid_v7() is 'A new UUID version 7 (RFC 9562): milliseconds of the clock, then random bits. PostgreSQL has one of its own from 18 on.';

comment on function postrider.uuid_v7_floor(timestamp with time zone) is 'The smallest UUID of that millisecond: the bound for "events since", as in: where id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';

comment on function postrider.uuid_v7_time(uuid) is 'When a UUID version 7 was made, to the millisecond; null for any other UUID.';

comment on function postrider.wake_daemons() is 'Notifies the daemons if they sleep. Does nothing where the setting postrider.wake is off, as two-phase commit needs.';

comment on function postrider.withdraw_replayed(uuid,integer) is 'Ends up to so many pending deliveries of a replay: those that had a state before have it again, the others are discarded. Returns how many were restored. Attempts under way are left alone.';

comment on function postrider.write_judged_event_types() is 'Lets inserts know of an edit of the catalogue.';

comment on trigger end_all_replays on postrider.endpoint is 'Cancels the replays of an endpoint that is deleted.';

comment on trigger end_replays on postrider.endpoint is 'Cancels the replays of an endpoint that is disabled.';

comment on trigger endpoint_audit on postrider.endpoint is 'Notes the edit in the audit.';

comment on trigger endpoint_audit_delete on postrider.endpoint is 'Notes in the audit what was deleted, its subscriptions included.';

comment on trigger endpoint_changing on postrider.endpoint is 'Keeps revision, updated_at and state_changed_at.';

comment on trigger endpoint_deleted on postrider.endpoint is 'Discards what waits for the endpoint.';

comment on trigger endpoint_disabled on postrider.endpoint is 'Acts on a change of state.';

comment on trigger endpoint_judging on postrider.endpoint is 'Refuses bad values, without showing the others.';

comment on trigger endpoint_secret_audit on postrider.endpoint_secret is 'Notes the edit in the audit, without the secret.';

comment on trigger endpoint_secret_changed on postrider.endpoint_secret is 'Counts up the endpoint''s revision.';

comment on trigger endpoint_secret_changing on postrider.endpoint_secret is 'Bounds the secrets of an endpoint, and locks it.';

comment on trigger endpoint_secret_truncate on postrider.endpoint_secret is 'Refuses truncate, which the audit would not see.';

comment on trigger endpoint_truncate on postrider.endpoint is 'Refuses truncate, which the audit would not see.';

comment on trigger event_type_audit on postrider.event_type is 'Notes the edit in the audit.';

comment on trigger event_type_changing on postrider.event_type is 'Reads the schema, and refuses what is not of the subset.';

comment on trigger event_type_judged on postrider.event_type is 'Tells inserts which definitions to look at.';

comment on trigger event_type_lock on postrider.event_type is 'Lets one transaction at a time edit the catalogue.';

comment on trigger event_type_policy_audit on postrider.event_type_policy is 'Notes the edit in the audit.';

comment on trigger event_type_policy_judged on postrider.event_type_policy is 'Tells inserts whether to look at each type.';

comment on trigger event_type_truncate on postrider.event_type is 'Refuses truncate, which the audit would not see.';

comment on trigger note_replay_failure on postrider.delivery is 'Fires only for replayed deliveries that did not succeed.';

comment on trigger outbox_idempotency on postrider.outbox is 'Fires only for rows that carry an idempotency key.';

comment on trigger outbox_refuse on postrider.outbox is 'Fires only for rows whose xid is not the transaction''s own, and for those whose definition is to be looked at.';

comment on trigger outbox_wake on postrider.outbox is 'Wakes the daemons, if they sleep.';

comment on trigger sending_changed on postrider.sending is 'Notes the change in the audit, and tells the daemons.';

comment on trigger sending_changing on postrider.sending is 'Keeps changed_at and changed_by, and forgets the home where the guard is changed.';

comment on trigger sending_replaced on postrider.sending is 'Notes in the audit that the row was taken out or put in, and tells the daemons.';

comment on trigger subscription_audit on postrider.subscription is 'Notes the edit in the audit.';

comment on trigger subscription_changing on postrider.subscription is 'Fills in the tenant, and refuses an endpoint that does not exist and a filter that is no predicate.';

comment on trigger subscription_truncate on postrider.subscription is 'Refuses truncate, which the audit would not see.';

-- Grants to others than the owner

grant usage on schema postrider to postrider_daemon;

grant usage on schema postrider to postrider_operator;

grant usage on schema postrider to postrider_publisher;

grant usage on schema postrider to postrider_reader;

grant select (attempt_number, daemon_id, duration_ms, endpoint_id, error, event_id, failure_kind, http_status, id, started_at) on table postrider.attempt to postrider_reader;

grant select on table postrider.attempt to postrider_operator;

grant select on table postrider.audit to postrider_daemon;

grant select on table postrider.audit to postrider_operator;

grant select on table postrider.audit to postrider_reader;

grant select on table postrider.backlog to postrider_operator;

grant select on table postrider.backlog to postrider_reader;

grant select on table postrider.cancellation to postrider_daemon;

grant select on table postrider.cancellation to postrider_operator;

grant select on table postrider.cancellation to postrider_reader;

grant select on table postrider.capture_status to postrider_operator;

grant select on table postrider.capture_status to postrider_reader;

grant select on table postrider.claim to postrider_operator;

grant select on table postrider.claim to postrider_reader;

grant select on table postrider.daemon to postrider_operator;

grant select on table postrider.daemon to postrider_reader;

grant select on table postrider.daemon_status to postrider_operator;

grant select on table postrider.daemon_status to postrider_reader;

grant select on table postrider.delivery to postrider_operator;

grant select on table postrider.delivery to postrider_reader;

grant select on table postrider.delivery_status to postrider_operator;

grant select on table postrider.delivery_status to postrider_reader;

grant delete, insert (disable_after, format, headers, retry_schedule, state, state_reason, tenant, timeout_ms, url), select, update (disable_after, format, headers, retry_schedule, state, state_reason, tenant, timeout_ms, url) on table postrider.endpoint to postrider_operator;

grant select (created_at, disable_after, format, id, retry_schedule, revision, shown_url, state, state_changed_at, state_reason, tenant, timeout_ms, updated_at) on table postrider.endpoint to postrider_reader;

grant select on table postrider.endpoint to postrider_daemon;

grant select on table postrider.endpoint_failure to postrider_operator;

grant select on table postrider.endpoint_failure to postrider_reader;

grant select on table postrider.endpoint_health to postrider_operator;

grant select on table postrider.endpoint_health to postrider_reader;

grant select (created_at, endpoint_id, expires_at, id) on table postrider.endpoint_secret to postrider_operator;

grant select (created_at, endpoint_id, expires_at, id) on table postrider.endpoint_secret to postrider_reader;

grant select on table postrider.endpoint_secret to postrider_daemon;

grant delete, insert (deprecated, description, enforce, json_schema, name), select, update (deprecated, description, enforce, json_schema, name) on table postrider.event_type to postrider_operator;

grant select on table postrider.event_type to postrider_reader;

grant select on table postrider.event_type_policy to postrider_reader;

grant select, update (unknown_types) on table postrider.event_type_policy to postrider_operator;

grant select on table postrider.idempotency_key to postrider_operator;

grant select on table postrider.idempotency_key to postrider_reader;

grant select on table postrider.in_flight to postrider_operator;

grant select on table postrider.in_flight to postrider_reader;

grant select on table postrider.ingest_position to postrider_operator;

grant select on table postrider.ingest_position to postrider_reader;

grant insert (attributes, deliver_at, event_type, idempotency_key, ordering_key, payload, tenant), select (id) on table postrider.outbox to postrider_publisher;

grant select (created_at, deliver_at, event_type, id, idempotency_key, ordering_key, seq, tenant, xid) on table postrider.outbox to postrider_reader;

grant select on table postrider.outbox to postrider_daemon;

grant select on table postrider.outbox to postrider_operator;

grant select on table postrider.replay to postrider_daemon;

grant select on table postrider.replay to postrider_operator;

grant select on table postrider.replay to postrider_reader;

grant select on table postrider.replay_failure to postrider_operator;

grant select on table postrider.replay_failure to postrider_reader;

grant select on table postrider.replay_status to postrider_operator;

grant select on table postrider.replay_status to postrider_reader;

grant select on table postrider.schema_migration to postrider_daemon;

grant select on table postrider.schema_migration to postrider_operator;

grant select on table postrider.schema_migration to postrider_reader;

grant select on table postrider.sending to postrider_daemon;

grant select on table postrider.sending to postrider_reader;

grant select, update (is_on, reason) on table postrider.sending to postrider_operator;

grant delete, insert (endpoint_id, event_type, filter), select, update (endpoint_id, event_type, filter) on table postrider.subscription to postrider_operator;

grant select on table postrider.subscription to postrider_daemon;

grant select on table postrider.subscription to postrider_reader;

grant execute on function postrider.adopt(boolean) to postrider_operator;

grant execute on function postrider.allow_unknown_event_types(text) to postrider_operator;

grant execute on function postrider.are_retry_waits(interval[]) to postrider_operator;

grant execute on function postrider.beat(uuid,text,integer,text,integer,integer,integer,text,integer,text,boolean) to postrider_daemon;

grant execute on function postrider.cancel(uuid,uuid,text) to postrider_operator;

grant execute on function postrider.cancel_replay(uuid) to postrider_operator;

grant execute on function postrider.capture(regclass,text,text[],text,text,text,text) to postrider_publisher;

grant execute on function postrider.capture_function(text,text,text,text,text) to postrider_publisher;

grant execute on function postrider.check_capture(regclass,text[]) to postrider_publisher;

grant execute on function postrider.check_capture_expression(regclass,text,text,text,text) to postrider_publisher;

grant execute on function postrider.claim_deliveries(uuid,uuid,integer,integer,integer,uuid[],integer[],integer,integer) to postrider_daemon;

grant execute on function postrider.claim_events(uuid,integer,integer,integer,integer,uuid[],uuid[]) to postrider_daemon;

grant execute on function postrider.close_ingest(text,uuid) to postrider_publisher;

grant execute on function postrider.copy_problem() to postrider_daemon;

grant execute on function postrider.copy_problem() to postrider_operator;

grant execute on function postrider.copy_problem() to postrider_reader;

grant execute on function postrider.count_unclaimed(integer) to postrider_operator;

grant execute on function postrider.count_unclaimed(integer) to postrider_reader;

grant execute on function postrider.count_waiting(integer) to postrider_operator;

grant execute on function postrider.count_waiting(integer) to postrider_reader;

grant execute on function postrider.create_capture_trigger(text,text) to postrider_publisher;

grant execute on function postrider.create_endpoint(text,text[],text,jsonb) to postrider_operator;

grant execute on function postrider.define_event_type(text,text,jsonb,boolean,boolean) to postrider_operator;

grant execute on function postrider.disable_endpoint(uuid,text) to postrider_operator;

grant execute on function postrider.drop_capture(regclass,text) to postrider_publisher;

grant execute on function postrider.drop_event_type(text) to postrider_operator;

grant execute on function postrider.empty_claims(uuid,bigint[]) to postrider_daemon;

grant execute on function postrider.enable_endpoint(uuid) to postrider_operator;

grant execute on function postrider.event_type_patterns(text) to postrider_daemon;

grant execute on function postrider.event_type_patterns(text) to postrider_operator;

grant execute on function postrider.event_type_patterns(text) to postrider_reader;

grant execute on function postrider.explain_event(uuid) to postrider_operator;

grant execute on function postrider.forget_ingest(text) to postrider_operator;

grant execute on function postrider.header_problem(jsonb) to postrider_operator;

grant execute on function postrider.is_wake_off() to postrider_publisher;

grant execute on function postrider.judge_filters(json,uuid[],jsonpath[]) to postrider_daemon;

grant execute on function postrider.judged_event_types() to postrider_publisher;

grant execute on function postrider.leave(uuid) to postrider_daemon;

grant execute on function postrider.maintain(interval) to postrider_daemon;

grant execute on function postrider.maintain(interval) to postrider_operator;

grant execute on function postrider.make_capture(regclass,text,text[],text,text,text,text,name[]) to postrider_publisher;

grant execute on function postrider.make_partitions(interval) to postrider_daemon;

grant execute on function postrider.note_replay_problem(uuid,text) to postrider_daemon;

grant execute on function postrider.notify_daemons() to postrider_publisher;

grant execute on function postrider.open_ingest(text,text,uuid,boolean,text,text) to postrider_publisher;

grant execute on function postrider.pause_endpoint(uuid,text) to postrider_operator;

grant execute on function postrider.prepare_replay(uuid) to postrider_daemon;

grant execute on function postrider.publish(text,json,text,text,timestamp with time zone,text,jsonb) to postrider_publisher;

grant execute on function postrider.record_results(uuid,boolean,boolean,uuid[],uuid[],bigint[],integer[],uuid[],double precision[],integer[],smallint[],text[],text[],json[],text[],text[],bigint[],text[],bigint[],uuid[]) to postrider_daemon;

grant execute on function postrider.redeliver(uuid,uuid) to postrider_operator;

grant execute on function postrider.refuse_captured_truncate() to postrider_publisher;

grant execute on function postrider.refuse_unknown_event_types(text) to postrider_operator;

grant execute on function postrider.replay(uuid,timestamp with time zone,timestamp with time zone,text,text[],boolean) to postrider_operator;

grant execute on function postrider.resume_endpoint(uuid) to postrider_operator;

grant execute on function postrider.rotate_secret(uuid,interval) to postrider_operator;

grant execute on function postrider.row_change(text,text,json,json) to postrider_publisher;

grant execute on function postrider.store_lines(text,uuid,bigint,text,text,jsonpath,text,integer,text,bigint,text,bigint,bigint) to postrider_publisher;

grant execute on function postrider.subscribe(uuid,text,text) to postrider_operator;

grant execute on function postrider.take_over_claim(uuid,bigint[],integer) to postrider_daemon;

grant execute on function postrider.trigger_arguments(bytea) to postrider_operator;

grant execute on function postrider.trigger_arguments(bytea) to postrider_publisher;

grant execute on function postrider.trigger_arguments(bytea) to postrider_reader;

grant execute on function postrider.uncapture(regclass,text) to postrider_publisher;

grant execute on function postrider.unsubscribe(uuid) to postrider_operator;

grant execute on function postrider.url_without_secrets(text) to postrider_operator;

grant execute on function postrider.uuid_v7() to postrider_operator;

grant execute on function postrider.uuid_v7() to postrider_publisher;

grant execute on function postrider.uuid_v7_floor(timestamp with time zone) to postrider_daemon;

grant execute on function postrider.uuid_v7_floor(timestamp with time zone) to postrider_operator;

grant execute on function postrider.uuid_v7_floor(timestamp with time zone) to postrider_reader;

grant execute on function postrider.uuid_v7_time(uuid) to postrider_operator;

grant execute on function postrider.uuid_v7_time(uuid) to postrider_reader;

grant execute on function postrider.wake_daemons() to postrider_publisher;
