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
  actor text not null default SESSION_USER,
  action text not null,
  endpoint_id uuid,
  event_id uuid,
  detail jsonb not null default '{}'::jsonb,
  constraint audit_pkey PRIMARY KEY (id)
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
  constraint daemon_pkey PRIMARY KEY (id)
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
  constraint delivery_pkey PRIMARY KEY (event_id, endpoint_id),
  constraint "a discarded delivery has a reason" CHECK (((state <> 'discarded'::text) OR (reason IS NOT NULL))),
  constraint "a pending delivery has a next attempt, a finished one an end" CHECK (
CASE
    WHEN (state = 'pending'::text) THEN ((next_attempt_at IS NOT NULL) AND (finished_at IS NULL))
    ELSE ((next_attempt_at IS NULL) AND (finished_at IS NOT NULL))
END),
  constraint "attempts never go down" CHECK (((attempts >= attempts_before) AND (attempts_before >= 0))),
  constraint "only a pending delivery is leased" CHECK ((((leased_by IS NULL) = (lease_expires_at IS NULL)) AND ((leased_by IS NULL) OR (state = 'pending'::text)))),
  constraint "state is pending, succeeded, exhausted or discarded" CHECK ((state = ANY (ARRAY['pending'::text, 'succeeded'::text, 'exhausted'::text, 'discarded'::text])))
) partition by RANGE (event_id);

create table postrider.delivery_default partition of postrider.delivery default;

create table postrider.endpoint (
  id uuid not null default postrider.uuid_v7(),
  tenant text not null default ''::text,
  url text not null,
  format text not null default 'standard'::text,
  timeout_ms integer not null default 15000,
  retry_schedule interval[] not null default '{00:00:05,00:05:00,00:30:00,02:00:00,05:00:00,10:00:00,14:00:00,20:00:00,24:00:00}'::interval[],
  headers jsonb not null default '{}'::jsonb,
  state text not null default 'active'::text,
  state_reason text,
  state_changed_at timestamp with time zone not null default clock_timestamp(),
  revision bigint not null default 1,
  created_at timestamp with time zone not null default clock_timestamp(),
  updated_at timestamp with time zone not null default clock_timestamp(),
  constraint endpoint_pkey PRIMARY KEY (id),
  constraint endpoint_tenant_key UNIQUE (id, tenant),
  constraint "format is standard or raw" CHECK ((format = ANY (ARRAY['standard'::text, 'raw'::text]))),
  constraint "headers is a JSON object" CHECK ((jsonb_typeof(headers) = 'object'::text)),
  constraint "retry_schedule has at most 50 steps of 1 ms to 30 days" CHECK (((cardinality(retry_schedule) <= 50) AND postrider.are_retry_waits(retry_schedule))),
  constraint "state is active, paused or disabled" CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'disabled'::text]))),
  constraint "tenant has at most 255 characters" CHECK ((length(tenant) <= 255)),
  constraint "timeout_ms is between 100 and 120000" CHECK (((timeout_ms >= 100) AND (timeout_ms <= 120000))),
  constraint "url is http or https, without blanks, at most 2048 long" CHECK (((url ~* '^https?://[^[:space:][:cntrl:]]+$'::text) AND (length(url) <= 2048)))
);

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

create table postrider.idempotency_key (
  tenant text not null,
  idempotency_key text not null,
  event_id uuid not null,
  constraint idempotency_key_pkey PRIMARY KEY (tenant, idempotency_key)
);

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

CREATE INDEX delivery_due ON ONLY postrider.delivery USING btree (endpoint_id, next_attempt_at) WHERE (state = 'pending'::text);

CREATE INDEX endpoint_secret_endpoint_id ON postrider.endpoint_secret USING btree (endpoint_id);

CREATE INDEX outbox_window ON ONLY postrider.outbox USING btree (xid, seq);

CREATE INDEX subscription_endpoint_id ON postrider.subscription USING btree (endpoint_id);

CREATE INDEX subscription_match ON postrider.subscription USING btree (tenant, event_type);

-- Views

create view postrider.backlog (endpoint_id uuid, tenant text, url text, endpoint_state text, pending bigint, due bigint, oldest_at timestamp with time zone, oldest_age interval) as
 WITH waiting AS (
         SELECT d.endpoint_id,
            count(*) AS pending,
            count(*) FILTER (WHERE (d.next_attempt_at <= now())) AS due,
            min(postrider.uuid_v7_time(d.event_id)) AS oldest_at
           FROM postrider.delivery d
          WHERE (d.state = 'pending'::text)
          GROUP BY d.endpoint_id
        ), cursor AS (
         SELECT c.base,
            c.target,
            c.after_xid,
            c.after_seq
           FROM postrider.claim c
          ORDER BY c.id DESC
         LIMIT 1
        ), unclaimed AS (
         SELECT i.created_at
           FROM ((cursor c
             CROSS JOIN LATERAL pg_snapshot_xip(c.base) x(x))
             JOIN postrider.outbox i ON ((i.xid = x.x)))
          WHERE ((c.target IS NULL) OR (NOT pg_visible_in_snapshot(x.x, c.target)) OR (x.x > c.after_xid) OR ((x.x = c.after_xid) AND (i.seq > c.after_seq)))
        UNION ALL
         SELECT i.created_at
           FROM (cursor c
             JOIN postrider.outbox i ON (((i.xid = c.after_xid) AND (i.seq > c.after_seq))))
          WHERE (c.after_xid >= pg_snapshot_xmax(c.base))
        UNION ALL
         SELECT i.created_at
           FROM (cursor c
             JOIN postrider.outbox i ON (((i.xid >= pg_snapshot_xmax(c.base)) AND (i.xid > COALESCE(c.after_xid, '0'::xid8)))))
        UNION ALL
         SELECT i.created_at
           FROM ((cursor c
             CROSS JOIN LATERAL pg_snapshot_xip(c.target) x(x))
             JOIN postrider.outbox i ON ((i.xid = x.x)))
          WHERE ((x.x >= pg_snapshot_xmax(c.base)) AND (x.x <= c.after_xid))
        )
 SELECT w.endpoint_id,
    e.tenant,
    e.url,
    COALESCE(e.state, 'deleted'::text) AS endpoint_state,
    w.pending,
    w.due,
    w.oldest_at,
    (now() - w.oldest_at) AS oldest_age
   FROM (waiting w
     LEFT JOIN postrider.endpoint e ON ((e.id = w.endpoint_id)))
UNION ALL
 SELECT NULL::uuid AS endpoint_id,
    NULL::text AS tenant,
    NULL::text AS url,
    NULL::text AS endpoint_state,
    count(*) AS pending,
    count(*) AS due,
    min(u.created_at) AS oldest_at,
    (now() - min(u.created_at)) AS oldest_age
   FROM unclaimed u
 HAVING (count(*) > 0);

create view postrider.daemon_status (id uuid, host text, pid integer, version text, state text, started_at timestamp with time zone, beat_at timestamp with time zone, lease_expires_at timestamp with time zone, in_flight integer, waiting integer, claims bigint) as
 SELECT id,
    host,
    pid,
    version,
        CASE
            WHEN (lease_expires_at > now()) THEN 'live'::text
            ELSE 'lost'::text
        END AS state,
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
            WHEN (d.lease_expires_at > now()) THEN 'in flight'::text
            WHEN (( SELECT e.state
               FROM postrider.endpoint e
              WHERE (e.id = d.endpoint_id)) = 'paused'::text) THEN 'paused'::text
            WHEN (d.attempts > d.attempts_before) THEN 'retrying'::text
            WHEN (d.next_attempt_at > now()) THEN 'scheduled'::text
            ELSE 'deferred'::text
        END AS detail,
    d.reason,
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
    'in flight'::text AS detail,
    NULL::text AS reason,
    0 AS attempts,
    NULL::integer AS last_http_status,
    NULL::text AS last_error,
    NULL::timestamp with time zone AS next_attempt_at,
    f.since AS created_at,
    NULL::timestamp with time zone AS finished_at
   FROM postrider.in_flight f
  WHERE (f.lease_expires_at IS NULL);

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
          WHERE ((d.event_id = p.event_id) AND (d.endpoint_id = p.endpoint_id)))))
UNION ALL
 SELECT d.event_id,
    d.endpoint_id,
    (d.attempts + 1) AS attempt_number,
    d.leased_by AS daemon_id,
    NULL::timestamp with time zone AS since,
    d.lease_expires_at
   FROM postrider.delivery d
  WHERE ((d.state = 'pending'::text) AND (d.lease_expires_at > now()));

-- Functions

CREATE OR REPLACE FUNCTION postrider.are_retry_waits(waits interval[])
 RETURNS boolean
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN (NOT (EXISTS (SELECT FROM unnest(are_retry_waits.waits) w(wait) WHERE ((w.wait IS NULL) OR (EXTRACT(year FROM w.wait) <> (0)::numeric) OR ((EXTRACT(month FROM w.wait) < (0)::numeric) OR (EXTRACT(month FROM w.wait) > (1)::numeric)) OR ((EXTRACT(day FROM w.wait) < (0)::numeric) OR (EXTRACT(day FROM w.wait) > (30)::numeric)) OR (((EXTRACT(epoch FROM w.wait) - (EXTRACT(month FROM w.wait) * (2592000)::numeric)) - (EXTRACT(day FROM w.wait) * (86400)::numeric)) < (0)::numeric) OR ((EXTRACT(epoch FROM w.wait) < 0.001) OR (EXTRACT(epoch FROM w.wait) > (2592000)::numeric))))));

CREATE OR REPLACE FUNCTION postrider.beat(daemon_id uuid, host text, pid integer, version text, lease_ms integer, in_flight integer, waiting integer)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 INSERT INTO postrider.daemon AS d (id, host, pid, version, beat_at, lease_expires_at, in_flight, waiting)
   VALUES (beat.daemon_id, beat.host, beat.pid, beat.version, clock_timestamp(), (clock_timestamp() + ((beat.lease_ms)::double precision * '00:00:00.001'::interval)), beat.in_flight, beat.waiting) ON CONFLICT(id) DO UPDATE SET beat_at = excluded.beat_at, lease_expires_at = excluded.lease_expires_at, in_flight = excluded.in_flight, waiting = excluded.waiting;
 DELETE FROM postrider.daemon
   WHERE (daemon.lease_expires_at < (now() - '1 day'::interval));
END;

CREATE OR REPLACE FUNCTION postrider.claim_deliveries(daemon_id uuid, after_endpoint uuid, endpoints_max integer, deliveries_max integer, share_max integer, known_endpoints uuid[], known_rooms integer[], lease_margin_ms integer, payload_bytes_max integer)
 RETURNS TABLE(event_id uuid, endpoint_id uuid, attempts integer, attempts_before integer, event_type text, created_at text, payload text, revision bigint, lease_ms integer, next_due_ms bigint)
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
        order by d.next_attempt_at
        limit share
        for update skip locked
      ), leased as (
        update postrider.delivery d
        set leased_by = claim_deliveries.daemon_id,
            lease_expires_at = now() + target.lease_ms * interval '1 ms',
            next_attempt_at = now() + target.lease_ms * interval '1 ms'
        from due
        where d.event_id = due.event_id and d.endpoint_id = due.endpoint_id
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

  select c.id, c.base, c.target, c.after_xid, c.after_seq into newest
  from postrider.claim c
  order by c.id desc
  limit 1;
  if not found then
    raise exception 'cannot claim events: the cursor is gone, postrider.claim has no row'
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'insert into postrider.claim (base) values (''1:1:'') claims every event there is, again; a snapshot of now, pg_current_snapshot(), none before it.';
  end if;
  base := newest.base;
  if pg_snapshot_xmax(coalesce(newest.target, base)) > pg_snapshot_xmax(pg_current_snapshot()) then
    raise exception 'cannot claim events: the cursor is at transaction % and this server only at %',
      pg_snapshot_xmax(coalesce(newest.target, base)), pg_snapshot_xmax(pg_current_snapshot())
      using errcode = 'object_not_in_prerequisite_state',
        detail = 'The rows were made by another server: this database was restored from a dump, or copied.',
        hint = 'A copy must not send what the original sends. To deliver from now on, and nothing from before: delete from postrider.claim; insert into postrider.claim (base) values (pg_current_snapshot()).';
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
    select k.tenant, k.event_type, s.endpoint_id, ep.state = 'active' as is_active, ep.revision,
           case when bool_and(s.filter is not null) then array_agg(s.filter) end as filters,
           count(*) over (partition by k.tenant, k.event_type) <= fan_out_max as is_narrow
    from kind k
    cross join lateral unnest(postrider.event_type_patterns(k.event_type)) p (pattern)
    join postrider.subscription s on s.tenant = k.tenant and s.event_type = p.pattern
    join postrider.endpoint ep on ep.id = s.endpoint_id and ep.state <> 'disabled'
    group by k.tenant, k.event_type, s.endpoint_id, ep.state, ep.revision
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

CREATE OR REPLACE FUNCTION postrider.create_endpoint(url text, event_types text[] DEFAULT '{*}'::text[], tenant text DEFAULT ''::text, options jsonb DEFAULT '{}'::jsonb, OUT endpoint_id uuid, OUT secret text)
 RETURNS record
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  known constant text[] := '{format,timeout_ms,retry_schedule,headers}';
  unknown text;
  pattern text;
  given postrider.endpoint;
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

  insert into postrider.endpoint as e (tenant, url, format, timeout_ms, retry_schedule, headers)
  select coalesce(tenant, ''), url,
         coalesce(options ->> 'format', 'standard'),
         coalesce((options ->> 'timeout_ms')::integer, 15000),
         case when options ? 'retry_schedule'
              then array(select s.step::interval from jsonb_array_elements_text(options -> 'retry_schedule') with ordinality s (step, n) order by s.n)
              else '{5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h}' end,
         coalesce(options -> 'headers', '{}')
  returning e.id into endpoint_id;

  -- 32 bytes out of three random UUIDs: 366 random bits, and no extension
  secret := 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');
  insert into postrider.endpoint_secret (endpoint_id, secret) values (endpoint_id, secret);

  foreach pattern in array event_types loop
    insert into postrider.subscription (endpoint_id, event_type) values (endpoint_id, pattern);
  end loop;
  perform postrider.note_action('create_endpoint', endpoint_id, null,
    jsonb_build_object('url', url, 'event_types', event_types, 'tenant', coalesce(tenant, ''), 'options', options - 'headers'));
end
$function$;

CREATE OR REPLACE FUNCTION postrider.disable_endpoint(id uuid, reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
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
    select d.event_id
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
  where d.event_id = waiting.event_id and d.endpoint_id = discard_deliveries.endpoint_id;
  get diagnostics discarded_count = row_count;
  return discarded_count;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.discard_reason(endpoint_state text)
 RETURNS text
 LANGUAGE sql
 IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN (endpoint_state IS NULL) THEN 'the endpoint was deleted'::text ELSE 'the endpoint is disabled'::text END;

CREATE OR REPLACE FUNCTION postrider.empty_claims(daemon_id uuid, claims bigint[])
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 DELETE FROM postrider.claim c
   WHERE ((c.id = ANY (empty_claims.claims)) AND (c.daemon_id = empty_claims.daemon_id) AND (c.id < ( SELECT max(n.id) AS max
            FROM postrider.claim n)) AND postrider.is_recorded(c.event_ids, c.endpoint_ids));
 UPDATE postrider.claim SET event_ids = '{}'::uuid[], endpoint_ids = '{}'::uuid[]
   WHERE ((claim.id = ANY (empty_claims.claims)) AND (claim.daemon_id = empty_claims.daemon_id) AND postrider.is_recorded(claim.event_ids, claim.endpoint_ids));
END;

CREATE OR REPLACE FUNCTION postrider.enable_endpoint(id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  perform postrider.set_endpoint_state(enable_endpoint.id, 'active', null, 'enable_endpoint');
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
    perform postrider.wake_daemons();
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

CREATE OR REPLACE FUNCTION postrider.endpoint_secret_changed()
 RETURNS trigger
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
begin
  -- the trigger on endpoint counts the revision up
  update postrider.endpoint set updated_at = clock_timestamp() where id in (new.endpoint_id, old.endpoint_id);
  return null;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.event_type_patterns(event_type text)
 RETURNS text[]
 LANGUAGE plpgsql
 IMMUTABLE PARALLEL SAFE STRICT
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
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id));
end
$function$;

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

CREATE OR REPLACE FUNCTION postrider.leave(daemon_id uuid)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 DELETE FROM postrider.daemon
   WHERE (daemon.id = leave.daemon_id);
END;

CREATE OR REPLACE FUNCTION postrider.make_partitions(ahead interval DEFAULT '7 days'::interval)
 RETURNS SETOF text
 LANGUAGE plpgsql
 SECURITY DEFINER
 SET search_path TO 'pg_catalog', 'pg_temp'
 SET lock_timeout TO '50ms'
AS $function$
-- Made apart and attached: `create table … partition of` would lock the parent against every insert, attaching locks
-- only the default partition, for a moment, and gives up after 50 ms (the next round tries again).
-- A day whose rows are already in the default partition keeps them there: nothing is ever moved under the readers,
-- and the day is served from the default partition as well as from one of its own.
declare
  day date;
  parent text;
  key text;
  part text;
  lower_bound uuid;
  upper_bound uuid;
  strays boolean;
begin
  if not pg_try_advisory_xact_lock(1886352244, 3) then
    return;
  end if;
  for day in select generate_series((now() at time zone 'UTC')::date, ((now() + ahead) at time zone 'UTC')::date, interval '1 day') loop
    lower_bound := postrider.uuid_v7_floor(day::timestamp at time zone 'UTC');
    upper_bound := postrider.uuid_v7_floor((day + 1)::timestamp at time zone 'UTC');
    foreach parent in array array['outbox', 'delivery', 'attempt'] loop
      part := parent || '_' || to_char(day, 'YYYYMMDD');
      key := case parent when 'outbox' then 'id' else 'event_id' end;
      continue when to_regclass(format('postrider.%I', part)) is not null;
      begin
        execute format('select exists (select from postrider.%I where %I >= $1 and %I < $2)', parent || '_default', key, key)
          into strays using lower_bound, upper_bound;
        continue when strays;
        execute format('create table postrider.%I (like postrider.%I including defaults including constraints including indexes including storage including comments)', part, parent);
        execute format('comment on table postrider.%I is %L', part, format('Partition of postrider.%s: %s, in UTC.', parent, day));
        execute format('alter table postrider.%I attach partition postrider.%I for values from (%L) to (%L)', parent, part, lower_bound, upper_bound);
        return next part;
      exception
        when lock_not_available then
          return;
        when check_violation then
          null; -- the day's first stray came in just now: the day stays with the default partition
      end;
    end loop;
  end loop;
end
$function$;

CREATE OR REPLACE FUNCTION postrider.note_action(action text, endpoint_id uuid, event_id uuid, detail jsonb)
 RETURNS void
 LANGUAGE sql
 SET search_path TO 'pg_catalog', 'pg_temp'
BEGIN ATOMIC
 INSERT INTO postrider.audit (action, endpoint_id, event_id, detail)
   VALUES (note_action.action, note_action.endpoint_id, note_action.event_id, COALESCE(note_action.detail, '{}'::jsonb));
END;

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

CREATE OR REPLACE FUNCTION postrider.outbox_refuse_xid()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
  raise exception 'cannot insert an event with an xid of another transaction'
    using errcode = 'check_violation',
      detail = format('The row says %s; this transaction is %s. Claims find events by xid, so the event would be lost or sent out of order.', new.xid, pg_current_xact_id()),
      hint = 'Leave xid out of the insert: it is filled in.';
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

CREATE OR REPLACE FUNCTION postrider.pause_endpoint(id uuid, reason text DEFAULT NULL::text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
begin
  perform postrider.require_endpoint(id);
  if exists (select from postrider.endpoint e where e.id = id and e.state = 'disabled') then
    raise exception 'endpoint % is disabled', id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(id).';
  end if;
  perform postrider.set_endpoint_state(id, 'paused', reason, 'pause_endpoint');
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
-- The arrays are columns, one element a result; one that is null is null throughout. Arrays cost Postgres 3 µs a result
-- where a JSON document costs 7 to 8. attempt_ids: null where no request was made; attempts_before_now: how many were
-- made before; started_ms: Unix time; states: succeeded, pending (again in waits_ms), exhausted or discarded (reasons).
-- Results come sorted by event and endpoint, so that two daemons that record the same deliveries cannot deadlock.
--
-- is_repeat: rows that are there already are left out. It is asked for where they may be: after an answer that was lost,
-- or after unique_violation told so. `on conflict` would do it every time, for 90 bytes of WAL and 3 µs a result.
declare
  held_claims bigint[];
begin
  -- A crash of Postgres can take back the records of its last second; those deliveries are repeated, none is lost.
  perform set_config('synchronous_commit', 'off', true);

  insert into postrider.attempt (
    event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error,
    response_headers, response_body)
  select r.event_id, r.endpoint_id, r.attempt_id, record_results.daemon_id, to_timestamp(r.started_ms / 1000),
         r.attempts + 1, r.duration_ms, r.http_status, r.failure_kind, r.error, r.headers, r.body
  from unnest(event_ids, endpoint_ids, attempt_ids, attempts_before_now, started_ms, durations_ms, http_statuses,
              failure_kinds, errors, response_headers, response_bodies)
    r (event_id, endpoint_id, attempt_id, attempts, started_ms, duration_ms, http_status, failure_kind, error, headers, body)
  where r.attempt_id is not null
    and (not is_repeat or not exists (
      select from postrider.attempt a
      where a.event_id = r.event_id and a.endpoint_id = r.endpoint_id and a.id = r.attempt_id));

  -- What would wait for an endpoint that is disabled or deleted by now is discarded instead.
  if 'pending' = any (states) then
    select array_agg(case when r.state <> 'pending' or e.state <> 'disabled' then r.state else 'discarded' end order by r.n),
           array_agg(case when r.state <> 'pending' or e.state <> 'disabled' then r.reason
                          else postrider.discard_reason(e.state) end order by r.n)
    into states, reasons
    from unnest(endpoint_ids, states, reasons) with ordinality r (endpoint_id, state, reason, n)
    left join postrider.endpoint e on e.id = r.endpoint_id;
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
        select from postrider.delivery d where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id));
  else
    -- A row that somebody else has locked, an operator in an open transaction, is not waited for: every other result
    -- would wait with it. Its result is told to be left.
    with held as (
      select d.event_id, d.endpoint_id, r.n
      from unnest(event_ids, endpoint_ids, attempts_before_now) with ordinality r (event_id, endpoint_id, attempts, n)
      join postrider.delivery d on d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
      where d.leased_by = record_results.daemon_id and d.attempts = r.attempts and d.state = 'pending'
      for update of d skip locked
    ), decided as (
      update postrider.delivery d
      set attempts = r.attempts + (r.attempt_id is not null)::integer,
          state = r.state,
          finished_at = case when r.state <> 'pending' then clock_timestamp() end,
          next_attempt_at = case when r.state = 'pending' then clock_timestamp() + r.wait_ms * interval '1 ms' end,
          leased_by = null,
          lease_expires_at = null,
          reason = r.reason
      from held h
      join unnest(attempt_ids, attempts_before_now, states, waits_ms, reasons) with ordinality
        r (attempt_id, attempts, state, wait_ms, reason, n) on r.n = h.n
      where d.event_id = h.event_id and d.endpoint_id = h.endpoint_id
    )
    select array_agg(r.n::integer) into locked
    from unnest(event_ids, endpoint_ids, attempts_before_now) with ordinality r (event_id, endpoint_id, attempts, n)
    join postrider.delivery d on d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
    where d.leased_by = record_results.daemon_id and d.attempts = r.attempts and d.state = 'pending'
      and not exists (select from held h where h.n = r.n);
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
      leased_by = null, lease_expires_at = null
  where d.event_id = event_id and d.endpoint_id = endpoint_id
    and (d.lease_expires_at is null or d.lease_expires_at <= now());
  if not found then
    if exists (select from postrider.in_flight f where f.event_id = event_id and f.endpoint_id = endpoint_id) then
      raise exception 'the delivery of event % to endpoint % is in flight', event_id, endpoint_id
        using errcode = 'object_in_use', hint = 'Wait for its end: it is in postrider.in_flight.';
    end if;
    raise exception 'there is no delivery of event % to endpoint %', event_id, endpoint_id
      using errcode = 'no_data_found', hint = 'The event did not match the endpoint, or has not been claimed yet.';
  end if;
  perform postrider.note_action('redeliver', endpoint_id, event_id, null);
  perform postrider.wake_daemons();
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

CREATE OR REPLACE FUNCTION postrider.resume_endpoint(id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
begin
  perform postrider.require_endpoint(id);
  if exists (select from postrider.endpoint e where e.id = id and e.state = 'disabled') then
    raise exception 'endpoint % is disabled', id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it: select postrider.enable_endpoint(id).';
  end if;
  perform postrider.set_endpoint_state(id, 'active', null, 'resume_endpoint');
end
$function$;

CREATE OR REPLACE FUNCTION postrider.set_endpoint_state(endpoint_id uuid, state text, reason text, action text)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
begin
  perform postrider.require_endpoint(endpoint_id);
  update postrider.endpoint e set state = state, state_reason = reason
  where e.id = endpoint_id and (e.state, e.state_reason) is distinct from (state, reason);
  perform postrider.note_action(action, endpoint_id, null, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
end
$function$;

CREATE OR REPLACE FUNCTION postrider.small_payload(payload json, bytes_max integer)
 RETURNS text
 LANGUAGE sql
 STABLE PARALLEL SAFE
RETURN CASE WHEN ((pg_column_size(payload) <= bytes_max) AND (octet_length((payload)::text) <= bytes_max)) THEN (payload)::text ELSE NULL::text END;

CREATE OR REPLACE FUNCTION postrider.subscribe(endpoint_id uuid, event_type text, filter text DEFAULT NULL::text)
 RETURNS uuid
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  subscription_id uuid;
begin
  perform postrider.require_endpoint(endpoint_id);
  insert into postrider.subscription as s (endpoint_id, event_type, filter)
  values (endpoint_id, event_type, postrider.parse_filter(filter))
  returning s.id into subscription_id;
  perform postrider.note_action('subscribe', endpoint_id, null,
    jsonb_build_object('subscription_id', subscription_id, 'event_type', event_type, 'filter', filter));
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
           case when e.state = 'paused' then 'pending' else 'discarded' end,
           case when e.state = 'paused' then now() end,
           case when e.state = 'paused' then null else now() end,
           case when e.state = 'disabled' then 'the endpoint is disabled' when e.state is null then 'the endpoint was deleted' end
    from unnest(found_claim.event_ids, found_claim.endpoint_ids) p (event_id, endpoint_id)
    left join postrider.endpoint e on e.id = p.endpoint_id
    where e.state is distinct from 'active'
    on conflict do nothing;

    select array_agg(p.event_id order by p.n), array_agg(p.endpoint_id order by p.n)
    into express_events, express_endpoints
    from unnest(found_claim.event_ids, found_claim.endpoint_ids) with ordinality p (event_id, endpoint_id, n)
    where not exists (
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id);

    if express_events is not null then
      update postrider.claim c
      set daemon_id = take_over_claim.daemon_id, event_ids = express_events, endpoint_ids = express_endpoints
      where c.id = found_claim.id;
      exit;
    end if;
    -- all of it is recorded: the claim goes, or loses its pairs if it is the cursor
    delete from postrider.claim c
    where c.id = found_claim.id and c.id < (select n.id from postrider.claim n order by n.id desc limit 1);
    if not found then
      update postrider.claim c set event_ids = '{}', endpoint_ids = '{}' where c.id = found_claim.id;
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

CREATE OR REPLACE FUNCTION postrider.unsubscribe(subscription_id uuid)
 RETURNS void
 LANGUAGE plpgsql
 SET search_path TO 'pg_catalog', 'pg_temp'
AS $function$
#variable_conflict use_variable
declare
  old_rule record;
begin
  delete from postrider.subscription s where s.id = subscription_id returning s.endpoint_id, s.event_type, s.filter into old_rule;
  if not found then
    raise exception 'there is no subscription %', coalesce(subscription_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, endpoint_id, event_type from postrider.subscription lists them.';
  end if;
  perform postrider.note_action('unsubscribe', old_rule.endpoint_id, null,
    jsonb_build_object('subscription_id', subscription_id, 'event_type', old_rule.event_type, 'filter', old_rule.filter::text));
end
$function$;

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
  -- With the inserter's rights and search_path, so every name is in full; pinning the path would cost each insert 2 µs.
  if coalesce(pg_catalog.current_setting('postrider.wake', true), 'on') not in ('off', 'false', 'no', '0')
    and not pg_catalog.pg_try_advisory_xact_lock_shared(1886352244, 2)
    -- a full queue makes the transactions that notify fail at their commit; polling finds the event all the same
    and pg_catalog.pg_notification_queue_usage() < 0.5
  then
    perform pg_catalog.pg_notify('postrider', '');
  end if;
end
$function$;

-- Triggers

CREATE TRIGGER endpoint_changing BEFORE UPDATE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_changing();

CREATE TRIGGER endpoint_deleted AFTER DELETE ON postrider.endpoint FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_changed();

CREATE TRIGGER endpoint_disabled AFTER UPDATE OF state ON postrider.endpoint FOR EACH ROW WHEN ((new.state IS DISTINCT FROM old.state)) EXECUTE FUNCTION postrider.endpoint_changed();

CREATE TRIGGER endpoint_secret_changed AFTER INSERT OR DELETE OR UPDATE ON postrider.endpoint_secret FOR EACH ROW EXECUTE FUNCTION postrider.endpoint_secret_changed();

CREATE TRIGGER outbox_idempotency BEFORE INSERT ON postrider.outbox FOR EACH ROW WHEN ((new.idempotency_key IS NOT NULL)) EXECUTE FUNCTION postrider.outbox_idempotency();

CREATE TRIGGER outbox_refuse_xid BEFORE INSERT ON postrider.outbox FOR EACH ROW WHEN ((new.xid IS DISTINCT FROM pg_current_xact_id())) EXECUTE FUNCTION postrider.outbox_refuse_xid();

CREATE TRIGGER outbox_wake AFTER INSERT ON postrider.outbox FOR EACH STATEMENT EXECUTE FUNCTION postrider.outbox_wake();

CREATE TRIGGER subscription_changing BEFORE INSERT OR UPDATE ON postrider.subscription FOR EACH ROW EXECUTE FUNCTION postrider.subscription_changing();

-- Comments

comment on schema postrider is 'Postrider, a transactional outbox: rows inserted into postrider.outbox become signed webhooks.';

comment on table postrider.attempt is 'Every HTTP request that was made, and what came of it. Rows are only added.';

comment on column postrider.attempt.event_id is 'The event that was sent.';

comment on column postrider.attempt.endpoint_id is 'The endpoint that it was sent to.';

comment on column postrider.attempt.id is 'Identifies the attempt; made by the daemon, so that recording it twice adds nothing.';

comment on column postrider.attempt.daemon_id is 'The daemon that made the request.';

comment on column postrider.attempt.started_at is 'When the request was begun, by the daemon''s clock.';

comment on column postrider.attempt.attempt_number is 'First, second … attempt of the delivery. After a crash two rows can carry the same number: both were sent.';

comment on column postrider.attempt.duration_ms is 'Milliseconds until the answer was read, or the attempt given up.';

comment on column postrider.attempt.http_status is 'The status that came back; null where none did.';

comment on column postrider.attempt.failure_kind is 'Null on success; else status, timeout, connect, dns, tls, reset, blocked or protocol.';

comment on column postrider.attempt.error is 'What went wrong, in a sentence.';

comment on column postrider.attempt.response_headers is 'Headers of the response, as far as they are kept (16 KiB with the body).';

comment on column postrider.attempt.response_body is 'The beginning of the response''s body, as text; what is not UTF-8 or is a NUL stands as U+FFFD.';

comment on table postrider.attempt_default is 'Attempts of events outside every day''s partition.';

comment on table postrider.audit is 'What operators did, one row an action.';

comment on column postrider.audit.id is 'Identifies the row; ordered by time.';

comment on column postrider.audit.at is 'When.';

comment on column postrider.audit.actor is 'The database role that did it; a daemon acts under its own.';

comment on column postrider.audit.action is 'The function that was called.';

comment on column postrider.audit.endpoint_id is 'The endpoint it was about.';

comment on column postrider.audit.event_id is 'The event it was about.';

comment on column postrider.audit.detail is 'The rest of what was asked. Never a secret.';

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

comment on table postrider.delivery is 'One event for one endpoint: what has finished, and what waits. A first attempt that is under way has no row yet; postrider.delivery_status shows it.';

comment on column postrider.delivery.event_id is 'The event, postrider.outbox.id.';

comment on column postrider.delivery.endpoint_id is 'The endpoint.';

comment on column postrider.delivery.created_at is 'When this row was written.';

comment on column postrider.delivery.finished_at is 'When it succeeded, was exhausted or was discarded.';

comment on column postrider.delivery.next_attempt_at is 'When the next attempt is due; while an attempt is under way, when its lease ends. Null once finished.';

comment on column postrider.delivery.lease_expires_at is 'Until when the daemon in leased_by may work on it; null when nobody does.';

comment on column postrider.delivery.leased_by is 'The daemon that is working on it.';

comment on column postrider.delivery.attempts is 'Attempts made so far.';

comment on column postrider.delivery.attempts_before is 'Attempts made before the retry schedule began anew, by redeliver.';

comment on column postrider.delivery.state is 'pending; succeeded; exhausted: the retry schedule is used up; discarded: ended by an operator, or with its endpoint.';

comment on column postrider.delivery.reason is 'Why it was discarded.';

comment on table postrider.delivery_default is 'Deliveries of events outside every day''s partition.';

comment on table postrider.endpoint is 'Where events go: a URL and how to talk to it. Made by postrider.create_endpoint; may be edited, and daemons see an edit with their next claim.';

comment on column postrider.endpoint.id is 'Identifies the endpoint.';

comment on column postrider.endpoint.tenant is 'Owner of the endpoint: it gets events of this tenant only.';

comment on column postrider.endpoint.url is 'Absolute http or https URL. Whether its address may be reached is judged by the daemon when it connects.';

comment on column postrider.endpoint.format is 'standard: {"type", "timestamp", "data"} around the payload; raw: the payload alone.';

comment on column postrider.endpoint.timeout_ms is 'Milliseconds for a whole request, from connecting to the last byte read.';

comment on column postrider.endpoint.retry_schedule is 'Waits between attempts; used up, the delivery is exhausted. Each is varied by up to 20 %.';

comment on column postrider.endpoint.headers is 'Extra request headers, name to value. They can replace content-type and user-agent, and no header that frames or signs the request.';

comment on column postrider.endpoint.state is 'active; paused: its deliveries wait; disabled: it gets no new deliveries, and pending ones are discarded.';

comment on column postrider.endpoint.state_reason is 'Why the endpoint is paused or disabled.';

comment on column postrider.endpoint.state_changed_at is 'When state changed last.';

comment on column postrider.endpoint.revision is 'Counts changes of the endpoint and its secrets, so that daemons notice them. Kept by a trigger.';

comment on column postrider.endpoint.created_at is 'When the endpoint was made.';

comment on column postrider.endpoint.updated_at is 'When it was changed last. Kept by a trigger.';

comment on table postrider.endpoint_secret is 'The secrets that sign an endpoint''s requests: all that have not expired, the newest first.';

comment on column postrider.endpoint_secret.id is 'Identifies the secret.';

comment on column postrider.endpoint_secret.endpoint_id is 'The endpoint that it signs for.';

comment on column postrider.endpoint_secret.secret is 'whsec_ and the key in base64, as Standard Webhooks has it. Never logged.';

comment on column postrider.endpoint_secret.created_at is 'When it was made.';

comment on column postrider.endpoint_secret.expires_at is 'From when on it no longer signs; null for never.';

comment on table postrider.idempotency_key is 'Which event each idempotency key belongs to. Apart from the outbox, since a unique key of a partitioned table must hold the partition key.';

comment on column postrider.idempotency_key.tenant is 'The tenant within which the key is unique.';

comment on column postrider.idempotency_key.idempotency_key is 'The key as the application gave it.';

comment on column postrider.idempotency_key.event_id is 'The first event inserted with the key.';

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

comment on table postrider.schema_migration is 'The migrations that made this schema, one row each. Written by "postrider migrate", or by the script it prints.';

comment on column postrider.schema_migration.version is 'The number of the migration: 1, 2, 3 and so on, without gaps.';

comment on column postrider.schema_migration.name is 'The name of its file, without the ending.';

comment on column postrider.schema_migration.sha256 is 'The SHA-256 of the file as it was applied, with LF line ends. A program that knows another text refuses to go on.';

comment on column postrider.schema_migration.breaking is 'Whether a daemon that does not know this migration must stop.';

comment on column postrider.schema_migration.applied_at is 'When its transaction began.';

comment on column postrider.schema_migration.applied_by is 'The role that had logged in.';

comment on column postrider.schema_migration.postrider_version is 'The version of the program that applied or printed it.';

comment on column postrider.schema_migration.duration_ms is 'How long its statements took, in milliseconds.';

comment on table postrider.subscription is 'Rules: events of these types, matching this filter, go to this endpoint. However many rules match, an endpoint gets one delivery of an event.';

comment on column postrider.subscription.id is 'Identifies the subscription.';

comment on column postrider.subscription.endpoint_id is 'The endpoint that gets the events.';

comment on column postrider.subscription.tenant is 'The endpoint''s tenant. Filled in.';

comment on column postrider.subscription.event_type is 'An event type, a prefix such as order.*, or * for all but postrider''s own.';

comment on column postrider.subscription.filter is 'An SQL/JSON path predicate over the payload, such as $.amount > 100; null for no filter. No answer is no match.';

comment on column postrider.subscription.created_at is 'When the subscription was made.';

comment on view postrider.backlog is 'What waits, by endpoint; the row without an endpoint counts events that no daemon has claimed yet. Reads what waits and nothing else.';

comment on column postrider.backlog.endpoint_id is 'The endpoint; null for events that have not been claimed.';

comment on column postrider.backlog.tenant is 'The endpoint''s tenant.';

comment on column postrider.backlog.url is 'The endpoint''s URL.';

comment on column postrider.backlog.endpoint_state is 'active, paused, disabled or deleted.';

comment on column postrider.backlog.pending is 'Deliveries that wait or are leased; for unclaimed events, their number.';

comment on column postrider.backlog.due is 'Those whose time has come.';

comment on column postrider.backlog.oldest_at is 'When the oldest of their events was inserted.';

comment on column postrider.backlog.oldest_age is 'How long ago that was.';

comment on view postrider.daemon_status is 'The daemons, live and lost.';

comment on column postrider.daemon_status.id is 'The daemon.';

comment on column postrider.daemon_status.host is 'Where it runs.';

comment on column postrider.daemon_status.pid is 'Its process id there.';

comment on column postrider.daemon_status.version is 'Version of the program.';

comment on column postrider.daemon_status.state is 'live; lost: its lease has run out, and others take over its claims.';

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

comment on column postrider.delivery_status.detail is 'The state, and for a pending delivery what it waits for: in flight, paused, retrying, scheduled, deferred.';

comment on column postrider.delivery_status.reason is 'Why it was discarded.';

comment on column postrider.delivery_status.attempts is 'Attempts recorded so far.';

comment on column postrider.delivery_status.last_http_status is 'The status that the last attempt got; null where none came back.';

comment on column postrider.delivery_status.last_error is 'What was wrong with the last attempt; null if nothing was.';

comment on column postrider.delivery_status.next_attempt_at is 'When the next attempt is due; while one is under way, when its lease ends.';

comment on column postrider.delivery_status.created_at is 'When the delivery came about.';

comment on column postrider.delivery_status.finished_at is 'When it succeeded, was exhausted or was discarded.';

comment on view postrider.in_flight is 'Deliveries that a daemon has in hand: first attempts from its memory, and leased ones.';

comment on column postrider.in_flight.event_id is 'The event.';

comment on column postrider.in_flight.endpoint_id is 'The endpoint.';

comment on column postrider.in_flight.attempt_number is 'Which attempt it is.';

comment on column postrider.in_flight.daemon_id is 'The daemon that has it in hand.';

comment on column postrider.in_flight.since is 'When it was claimed; null for a leased delivery.';

comment on column postrider.in_flight.lease_expires_at is 'Until when it is leased; null for a first attempt, which is held as long as its daemon beats.';

comment on function postrider.are_retry_waits(interval[]) is 'Whether each of these is a wait of 1 ms to 30 days.';

comment on function postrider.beat(uuid,text,integer,text,integer,integer,integer) is 'A daemon''s heartbeat: renews its lease on everything it has claimed.';

comment on function postrider.claim_deliveries(uuid,uuid,integer,integer,integer,uuid[],integer[],integer,integer) is 'Leases due deliveries to a daemon, a few of each endpoint. The last row says where to go on, null after the last endpoint, and when more is due.';

comment on function postrider.claim_events(uuid,integer,integer,integer,integer,uuid[],uuid[]) is 'Claims a page of new events for a daemon and routes it. The first row says what came of it; then one row for each event whose first attempts the daemon has in hand. A page ends before an event with a filter that takes too long: the first row then has that event and endpoint, and where nothing is before it nothing is claimed (slow). unjudged_endpoints, unjudged_events: whose filters are not applied to which event (null: to any), the delivery being discarded for that; null for the former: no filters at all.';

comment on function postrider.create_endpoint(text,text[],text,jsonb) is 'Makes an endpoint with one subscription for each of the event types. Returns its id and the secret that the receiver verifies with. Options: format, timeout_ms, retry_schedule, headers.';

comment on function postrider.disable_endpoint(uuid,text) is 'Disables an endpoint: it gets no new deliveries, and pending ones are discarded.';

comment on function postrider.discard_deliveries(uuid,text,integer) is 'Discards up to so many pending deliveries of an endpoint; returns how many. Attempts under way are left alone.';

comment on function postrider.discard_reason(text) is 'Why a delivery of an endpoint in this state (null: deleted) is discarded.';

comment on function postrider.empty_claims(uuid,bigint[]) is 'Takes the pairs out of claims that are finished and must stay, being the cursor.';

comment on function postrider.enable_endpoint(uuid) is 'Enables a disabled endpoint: it gets the events from now on.';

comment on function postrider.endpoint_changed() is 'Discards what waits for an endpoint that was disabled or deleted; wakes the daemons for one that was resumed.';

comment on function postrider.endpoint_changing() is 'Keeps an endpoint''s revision and times.';

comment on function postrider.endpoint_secret_changed() is 'Counts up the endpoint''s revision, so that daemons load the secrets anew.';

comment on function postrider.event_type_patterns(text) is 'The patterns of subscriptions that match an event type: itself, its prefixes, and * unless it is one of postrider''s own.';

comment on function postrider.is_recorded(uuid[],uuid[]) is 'Whether each of these pairs has its delivery, so that the claim that held them may go.';

comment on function postrider.judge_filters(json,uuid[],jsonpath[]) is 'The endpoints one of whose filters the payload matches, and those where Postgres cannot judge, with the reason; no answer is no match. Takes a second at most, and what one filter takes: at a filter that takes longer than half a second it stops (is_slow), and what it has said about the others is not all.';

comment on function postrider.leave(uuid) is 'A clean stop: whatever the daemon still had in hand may be taken over at once.';

comment on function postrider.make_partitions(interval) is 'Makes the daily partitions from today on, so far ahead; returns the names of those it made. Daemons call it; safe at any time.';

comment on function postrider.note_action(text,uuid,uuid,jsonb) is 'Adds a row to the audit.';

comment on function postrider.outbox_idempotency() is 'Leaves an event out of the insert if its idempotency key is known already.';

comment on function postrider.outbox_refuse_xid() is 'Refuses an event that says it was inserted by another transaction.';

comment on function postrider.outbox_wake() is 'Wakes the daemons after a statement has inserted events.';

comment on function postrider.parse_filter(text) is 'Reads a filter, or says what is wrong with it.';

comment on function postrider.pause_endpoint(uuid,text) is 'Pauses an endpoint: its events are routed and wait, nothing is lost.';

comment on function postrider.publish(text,json,text,text,timestamp with time zone,text,jsonb) is 'Inserts an event into the outbox, in the caller''s transaction, and returns its id; for an idempotency key that is known already, the id of the first event with it.';

comment on function postrider.record_results(uuid,boolean,boolean,uuid[],uuid[],bigint[],integer[],uuid[],double precision[],integer[],smallint[],text[],text[],json[],text[],text[],bigint[],text[],bigint[],uuid[]) is 'Records what a daemon''s attempts came to, in one transaction for many: first attempts from memory, or leased deliveries. Takes away claims that are finished. kept_claims: those of them that must stay for now; locked: which results, from 1, are still to be decided.';

comment on function postrider.redeliver(uuid,uuid) is 'Makes one further attempt of a delivery, now, whatever became of it. Numbering goes on; a failure follows the retry schedule from its beginning.';

comment on function postrider.require_endpoint(uuid) is 'Raises an error where there is no such endpoint.';

comment on function postrider.resume_endpoint(uuid) is 'Lets a paused endpoint go on with what waits for it.';

comment on function postrider.set_endpoint_state(uuid,text,text,text) is 'Changes an endpoint''s state and notes who did it.';

comment on function postrider.small_payload(json,integer) is 'The text of a payload; null where it is larger than that many bytes, and is to be loaded when its turn comes.';

comment on function postrider.subscribe(uuid,text,text) is 'Subscribes an endpoint to an event type (exact, a prefix such as order.*, or *), with a filter or without. Returns the subscription''s id.';

comment on function postrider.subscription_changing() is 'Fills in the tenant and refuses a filter that is no predicate.';

comment on function postrider.take_over_claim(uuid,bigint[],integer) is 'Takes over one claim of a daemon that is gone, or adopts one of the caller''s own that it does not know of; no rows where there is none.';

comment on function postrider.unsubscribe(uuid) is 'Takes a subscription away. Deliveries that exist already go on.';

comment on function postrider.uuid_v7() is 'A new UUID version 7 (RFC 9562): milliseconds of the clock, then random bits. PostgreSQL has one of its own from 18 on.';

comment on function postrider.uuid_v7_floor(timestamp with time zone) is 'The smallest UUID of that millisecond: the bound for "events since", as in: where id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';

comment on function postrider.uuid_v7_time(uuid) is 'When a UUID version 7 was made, to the millisecond; null for any other UUID.';

comment on function postrider.wake_daemons() is 'Notifies the daemons if they sleep. Does nothing where the setting postrider.wake is off, as two-phase commit needs.';

comment on trigger endpoint_changing on postrider.endpoint is 'Keeps revision, updated_at and state_changed_at.';

comment on trigger endpoint_deleted on postrider.endpoint is 'Discards what waits for the endpoint.';

comment on trigger endpoint_disabled on postrider.endpoint is 'Acts on a change of state.';

comment on trigger endpoint_secret_changed on postrider.endpoint_secret is 'Counts up the endpoint''s revision.';

comment on trigger outbox_idempotency on postrider.outbox is 'Fires only for rows that carry an idempotency key.';

comment on trigger outbox_refuse_xid on postrider.outbox is 'Fires only for rows whose xid is not the transaction''s own.';

comment on trigger outbox_wake on postrider.outbox is 'Wakes the daemons, if they sleep.';

comment on trigger subscription_changing on postrider.subscription is 'Fills in the tenant and refuses a filter that is no predicate.';

-- Grants to others than the owner

grant execute on function postrider.event_type_patterns(text) to public;

grant execute on function postrider.outbox_refuse_xid() to public;

grant execute on function postrider.outbox_wake() to public;

grant execute on function postrider.uuid_v7() to public;

grant execute on function postrider.uuid_v7_floor(timestamp with time zone) to public;

grant execute on function postrider.uuid_v7_time(uuid) to public;

grant execute on function postrider.wake_daemons() to public;
