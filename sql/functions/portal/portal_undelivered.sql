-- grant: execute to portal

create or replace function postrider_internal.portal_undelivered(
  states text[], of_endpoint_id uuid, since timestamptz, after_event_id uuid, after_endpoint_id uuid, deliveries_max integer
)
returns table (
  event_id uuid, endpoint_id uuid, name text, event_type text, state text, reason text, attempts integer, created_at timestamptz, finished_at timestamptz
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
-- Each endpoint's newest ones by the index, and never all of them to sort.
set enable_sort = off
as $$
  select d.event_id, d.endpoint_id, d.name, o.event_type, d.state, postrider_internal.portal_reason(d.reason), d.attempts, d.created_at, d.finished_at
  from (
    select f.event_id, f.endpoint_id, e.name, f.state, f.reason, f.attempts, f.created_at, f.finished_at
    from (
      select e.id, e.name::text as name from postrider.endpoint e
      where e.tenant = (select postrider_internal.portal_tenant('attempts:read'))
        and (of_endpoint_id is null or e.id = of_endpoint_id)) e
    cross join lateral (
      select d.event_id, d.endpoint_id, d.state, d.reason, d.attempts, d.created_at, d.finished_at
      from postrider.delivery d
      where d.endpoint_id = e.id and d.state in ('exhausted', 'discarded')
        and d.state = any (coalesce(states, '{exhausted,discarded}'))
        and d.event_id >= postrider.uuid_v7_floor(coalesce(since, now() - interval '24 hours'))
        -- The partitions of the days ahead have no such row, unless somebody's clock is ahead: one look instead of one for each
        -- endpoint.
        and d.event_id <= (
          select case when exists (
              select from postrider.delivery a
              where (a.state in ('exhausted', 'discarded') or a.attempts > 1) and a.event_id > postrider.uuid_v7_floor(now() + interval '1 day'))
            then 'ffffffff-ffff-ffff-ffff-ffffffffffff' else postrider.uuid_v7_floor(now() + interval '1 day') end)
        and (after_event_id is null or d.event_id <= after_event_id and (d.event_id, d.endpoint_id) < (after_event_id, after_endpoint_id))
      order by d.event_id desc
      limit least(deliveries_max, 1000)) f
    order by f.event_id desc, f.endpoint_id desc
    limit least(deliveries_max, 1000)) d
  -- One by one: a join might read the events of everybody.
  cross join lateral (select o.event_type from postrider.portal_event o where o.id = d.event_id offset 0) o
  order by d.event_id desc, d.endpoint_id desc
$$;
comment on function postrider_internal.portal_undelivered(text[], uuid, timestamptz, uuid, uuid, integer) is
  'Deliveries to the endpoints of the tenant whose token this transaction shows that ended without success, the newest event first.';
