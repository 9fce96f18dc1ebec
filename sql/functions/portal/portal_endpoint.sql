-- grant: select to portal

create or replace view postrider.portal_endpoint with (security_barrier = true) as
  select e.id, e.name, e.description, e.shown_url as url, e.url = e.shown_url as url_is_whole, e.kind, e.format, e.signing,
         array(select h.name from jsonb_object_keys(e.headers) h (name) order by h.name) as header_names,
         array(select s.event_type::text from postrider.subscription s where s.endpoint_id = e.id order by s.id limit 1000) as event_types,
         e.timeout_ms, e.retry_schedule, e.disable_after,
         e.state, postrider_internal.portal_reason(e.state_reason) as state_reason, e.state_changed_at,
         coalesce(f.consecutive_failures, 0) > 0 as is_failing, f.failing_since, coalesce(f.consecutive_failures, 0) as consecutive_failures,
         f.last_failure_at, f.last_failure_kind, f.last_http_status,
         postrider_internal.portal_error(f.last_failure_kind, f.last_error) as last_error, f.recovered_at,
         case when e.state = 'active' and f.failing_since is not null
              then greatest(f.failing_since, e.state_changed_at) + e.disable_after end as disabled_from,
         e.circuit_opened_at, case when e.circuit_opened_at is not null then f.next_probe_at end as next_probe_at,
         e.revision, e.created_at, e.updated_at
  from postrider.endpoint e
  left join postrider.endpoint_failure f on f.endpoint_id = e.id
  where e.tenant = (select postrider_internal.portal_tenant('endpoints:read'));
comment on view postrider.portal_endpoint is
  'The endpoints of the tenant whose token this transaction shows. The portal reads it.';
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
