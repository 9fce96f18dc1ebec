-- grant: execute to portal

-- A function and no view: what a pending delivery waits for is found by functions that tell about any endpoint.
create or replace function postrider_internal.portal_deliveries(event_id uuid, after_endpoint_id uuid, deliveries_max integer)
returns table (
  endpoint_id uuid, name text, url text, state text, detail text, reason text, attempts integer, last_http_status integer, last_error text,
  next_attempt_at timestamptz, created_at timestamptz, finished_at timestamptz
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
-- Planned once in a session, because planning reads more than the rows: every day is in it eight times.
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
begin
  return query
  select d.endpoint_id, d.name::text, d.url, d.state, d.detail, postrider_internal.portal_reason(d.reason), d.attempts, d.last_http_status,
         (select postrider_internal.portal_error(a.failure_kind, a.error) from postrider.attempt a
          where a.event_id = portal_deliveries.event_id and a.endpoint_id = d.endpoint_id
          order by a.attempt_number desc, a.started_at desc limit 1),
         d.next_attempt_at, d.created_at, d.finished_at
  from postrider.delivery_status d
  join postrider.endpoint e on e.id = d.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('attempts:read'))
  where d.event_id = portal_deliveries.event_id
    and exists (select from postrider.portal_event o where o.id = portal_deliveries.event_id)
    and (portal_deliveries.after_endpoint_id is null or d.endpoint_id > portal_deliveries.after_endpoint_id)
  order by d.endpoint_id
  limit least(deliveries_max, 1000);
end
$$;
comment on function postrider_internal.portal_deliveries(uuid, uuid, integer) is
  'What became of an event at each endpoint of the tenant whose token this transaction shows.';
