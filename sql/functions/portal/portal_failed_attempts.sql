-- grant: execute to portal

create or replace function postrider_internal.portal_failed_attempts(
  of_endpoint_id uuid, since timestamptz, until timestamptz, after_started_at timestamptz, after_id uuid, attempts_max integer
)
returns table (
  event_id uuid, endpoint_id uuid, name text, event_type text, id uuid, attempt_number integer, started_at timestamptz, duration_ms integer,
  http_status smallint, failure_kind text, error text
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select a.event_id, a.endpoint_id, a.name, o.event_type, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind,
         postrider_internal.portal_error(a.failure_kind, a.error)
  from (
    select a.event_id, a.endpoint_id, e.name::text as name, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind::text as failure_kind, a.error
    from (
      select a.event_id, a.endpoint_id, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error
      from postrider.other_attempt a
      where a.started_at >= coalesce(since, now() - interval '24 hours') and a.started_at < coalesce(until, now())
        and (after_id is null or (a.started_at, a.id) < (after_started_at, after_id))
      order by a.started_at desc, a.id desc
      limit 20000) a
    join postrider.endpoint e on e.id = a.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('attempts:read'))
    where a.failure_kind is not null and (of_endpoint_id is null or a.endpoint_id = of_endpoint_id)
    order by a.started_at desc, a.id desc
    limit least(attempts_max, 1000)) a
  -- One by one: a join might read the events of everybody.
  cross join lateral (select o.event_type from postrider.portal_event o where o.id = a.event_id offset 0) o
  order by a.started_at desc, a.id desc
$$;
comment on function postrider_internal.portal_failed_attempts(uuid, timestamptz, timestamptz, timestamptz, uuid, integer) is
  'Failed attempts to send events to the endpoints of the tenant whose token this transaction shows, the newest first. Looks at 20,000 attempts of all tenants at most.';
