-- Who may do what: the four roles, what each is granted, and which functions act with their owner's rights.
-- locks: nothing that exists; grants do not wait for those who use a table
-- breaking: no
--
-- Nothing is granted to PUBLIC, and no role but the owner may write to the tables of the engine: daemons and operators
-- change them by functions that act with the owner's rights. Such a function pins its search_path, so that no operator,
-- function or temporary table of the caller's is taken for one of ours, and runs no text that it is given.
--
-- Default privileges cannot keep PUBLIC out of functions to come: those of a schema only add to the global ones, and to
-- change the global ones would change the owner's other schemas too. So grant_roles() takes back what PUBLIC was given,
-- every migration that makes something calls it last, and a test reads every access list there is.

-- What daemons call.
alter function postrider.claim_events security definer;
alter function postrider.claim_deliveries security definer;
alter function postrider.record_results security definer;
alter function postrider.take_over_claim security definer;
alter function postrider.empty_claims security definer;
alter function postrider.beat security definer;
alter function postrider.leave security definer;
alter function postrider.prepare_replay security definer;
alter function postrider.note_replay_problem security definer;

-- Fired by what an operator's delete of an endpoint brings with it: up to PostgreSQL 17 with the operator's own rights.
alter function postrider.endpoint_secret_changed security definer;

-- What operators call. The audit's actor is session_user: who logged in, and not the owner.
alter function postrider.create_endpoint security definer;
alter function postrider.subscribe security definer;
alter function postrider.unsubscribe security definer;
alter function postrider.pause_endpoint security definer;
alter function postrider.resume_endpoint security definer;
alter function postrider.disable_endpoint security definer;
alter function postrider.enable_endpoint security definer;
alter function postrider.redeliver security definer;
alter function postrider.cancel security definer;
alter function postrider.rotate_secret security definer;
alter function postrider.explain_event security definer;
alter function postrider.replay security definer;
alter function postrider.cancel_replay security definer;

create function postrider.grant_roles() returns table (role_name text, outcome text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
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
$$;
comment on function postrider.grant_roles() is
  'Makes the four roles of Postrider where the caller may, and grants each what it is to have; for each role: granted, or missing where somebody who may create roles has to make it first. For the owner of the schema; safe at any time, and as often as one likes.';

do $$
declare
  missing text;
begin
  select string_agg(format('create role %s nologin', r.role_name), '; ') into missing
  from postrider.grant_roles() r
  where r.outcome = 'missing';
  if missing is not null then
    raise warning 'roles of Postrider are missing, and % may not create them', current_user
      using hint = format('A DBA runs: %s. After that the owner of the schema: select role_name, outcome from postrider.grant_roles().', missing);
  end if;
end
$$;
