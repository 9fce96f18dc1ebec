create or replace function postrider_internal.declared_grants() returns table (roles text[], privileges text, object text)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  -- Nothing is granted on what only the engine writes: daemons and operators change it by functions that act with the
  -- owner's rights. A publisher reads ids for "returning id". Readers see neither the query of a URL nor headers nor
  -- answers: a query may hold a token, headers carry tokens, and an answer may repeat what it was sent. The portal's role
  -- sees no table, but the views and functions that show what belongs to one tenant.
  with option as (
    select string_agg(o.name, ', ') as names, string_agg(o.name, ', ') filter (where not o.is_secret) as shown
    from postrider_internal.endpoint_options() o
  )
  values
    ('{publisher,reader,operator,daemon,portal}'::text[], 'usage', 'schema postrider'),
    ('{publisher,reader,operator,daemon,portal}', 'usage', 'schema postrider_internal'),
    ('{publisher}', 'insert (event_type, payload, tenant, ordering_key, deliver_at, idempotency_key, attributes), select (id)',
     'table postrider.outbox'),
    ('{reader}', 'select (id, xid, seq, created_at, deliver_at, event_type, tenant, ordering_key, idempotency_key, test_endpoint_id, erased_at)', 'table postrider.outbox'),
    ('{operator,daemon}', 'select', 'table postrider.outbox'),
    ('{reader,operator}', 'select', 'table postrider.idempotency_key'),
    ('{reader}', (select format('select (id, tenant, shown_url, %s, state, state_reason, state_changed_at, paused_at, pause_reason, revision, created_at, updated_at, transforms, has_transformed, receiver_rate, effective_rate, is_limited, circuit_opened_at, handshake_state)', o.shown) from option o),
     'table postrider.endpoint'),
    ('{operator,daemon}', 'select', 'table postrider.endpoint'),
    ('{operator}', (select format('insert (tenant, url, %1$s, state, state_reason), update (tenant, url, %1$s, state, state_reason), delete', o.names) from option o),
     'table postrider.endpoint'),
    ('{reader,operator,daemon}', 'select', 'table postrider.subscription'),
    ('{operator}', 'insert (endpoint_id, event_type, filter), update (endpoint_id, event_type, filter), delete', 'table postrider.subscription'),
    ('{reader,operator}', 'select (id, endpoint_id, kind, public_key, created_at, expires_at)', 'table postrider.endpoint_secret'),
    ('{daemon}', 'select', 'table postrider.endpoint_secret'),
    ('{reader}', 'select (event_id, endpoint_id, created_at, finished_at, next_attempt_at, lease_expires_at, leased_by, attempts, attempts_before, first_started_at, first_endpoint_revision, first_duration_ms, first_http_status, first_requests, first_attempt_id, first_daemon_id, batch_id, state, reason, replay_id, state_before, is_counted, is_asked, ordering_key, ordering_seq, halts, pull_place)',
     'table postrider.delivery'),
    ('{operator}', 'select', 'table postrider.delivery'),
    ('{reader,operator}', 'select', 'table postrider.ordered_walk'),
    ('{reader}', 'select (event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error, requests, endpoint_revision, batch_id)',
     'table postrider.attempt'),
    ('{operator}', 'select', 'table postrider.attempt'),
    ('{reader}', 'select (event_id, endpoint_id, id, daemon_id, started_at, endpoint_revision, attempt_number, duration_ms, http_status, requests, failure_kind, error, batch_id)',
     'table postrider.other_attempt'),
    ('{operator}', 'select', 'table postrider.other_attempt'),
    ('{reader}', 'select (event_id, endpoint_id, created_at, endpoint_revision, problem)', 'table postrider.transformation'),
    ('{operator,daemon}', 'select', 'table postrider.transformation'),
    ('{reader,operator,daemon}', 'select', 'table postrider.endpoint_failure'),
    ('{reader,operator}', 'select', 'table postrider.endpoint_pace'),
    ('{reader,operator}', 'select (endpoint_id, last_place, acknowledged_place, gone_place, server, given_at, acknowledged_at)', 'table postrider.pull_position'),
    ('{reader,operator}', 'select (id, endpoint_id, created_at, expires_at)', 'table postrider.pull_token'),
    ('{daemon}', 'select', 'table postrider.pull_token'),
    ('{reader,operator}', 'select', 'table postrider.endpoint_handshake'),
    ('{reader,operator,daemon}', 'select', 'table postrider.cancellation'),
    ('{reader,operator,daemon}', 'select', 'table postrider.replay'),
    ('{reader,operator}', 'select', 'table postrider.replay_failure'),
    ('{reader,operator}', 'select', 'table postrider.daemon'),
    ('{reader,operator}', 'select', 'table postrider.endpoint_minute_part'),
    ('{reader,operator}', 'select', 'table postrider.endpoint_hour_part'),
    ('{reader,operator}', 'select', 'table postrider.endpoint_five_minutes_part'),
    ('{reader,operator}', 'select', 'table postrider.daemon_hour_part'),
    ('{reader,operator}', 'select', 'table postrider.unmatched_hour'),
    ('{reader,operator}', 'select', 'table postrider.hour_cursor'),
    ('{reader,operator}', 'select', 'table postrider.objective'),
    ('{operator}', 'insert (tenant, endpoint_id, target, within), update (tenant, endpoint_id, target, within), delete', 'table postrider.objective'),
    ('{reader,operator}', 'select', 'table postrider.daemon_minute'),
    ('{reader,operator}', 'select', 'table postrider.unmatched_minute_part'),
    ('{reader,operator}', 'select', 'table postrider.claim'),
    ('{reader,operator}', 'select', 'table postrider.server_epoch'),
    ('{reader,operator,daemon}', 'select', 'table postrider.sending'),
    ('{operator}', 'update (is_on, reason)', 'table postrider.sending'),
    ('{reader,operator,daemon}', 'select', 'table postrider.retention'),
    ('{operator}', 'update (period, hours_period)', 'table postrider.retention'),
    ('{reader,operator,daemon}', 'select', 'table postrider.audit'),
    ('{reader,operator}', 'select', 'table postrider.erasure'),
    ('{reader,operator}', 'select (id, name, scopes, created_at, created_by, expires_at, last_used_at)', 'table postrider.api_key'),
    ('{reader,operator}', 'select (id, api_key_id, created_at, expires_at)', 'table postrider.api_session'),
    ('{reader,operator}', 'select (id, status, created_at)', 'table postrider.api_request'),
    ('{reader,operator}', 'select (id, tenant, subject, capabilities, created_at, created_by, expires_at)', 'table postrider.portal_token'),
    ('{reader,operator,daemon}', 'select', 'table postrider.schema_migration'),
    ('{reader,operator}', 'select', 'table postrider.event_type'),
    ('{operator}', 'insert (name, description, json_schema, enforce, deprecated), update (name, description, json_schema, enforce, deprecated), delete',
     'table postrider.event_type'),
    ('{reader,operator}', 'select', 'table postrider.event_type_policy'),
    ('{operator}', 'update (unknown_types)', 'table postrider.event_type_policy'),
    ('{publisher}', 'execute', 'function postrider_internal.judged_event_types'),
    ('{reader,operator}', 'select', 'table postrider.ingest'),
    ('{reader,operator,daemon}', 'select', 'table postrider.schema_object'),
    -- What "postrider migrate --check" calls.
    ('{reader,operator,daemon}', 'execute', 'function postrider_internal.replaced_files'),
    ('{reader,operator,daemon}', 'execute', 'function postrider_internal.fingerprint'),
    ('{reader,operator,daemon}', 'execute', 'function postrider_internal.file_objects')
  union all
  select string_to_array(substring(o.grants from ' to (.*)$'), ', '), substring(o.grants from '^(.*) to '),
         case f.kind when 'view' then 'table ' else 'function ' end || f.identity
  from postrider.schema_object o
  cross join lateral postrider_internal.file_objects(o.name) f
  where o.grants is not null and f.kind in ('function', 'view')
$$;
comment on function postrider_internal.declared_grants() is
  'What each role is granted: on tables as written here, on functions and views as their files say.';
