-- grant: execute to portal

create or replace function postrider_internal.portal_waiting(endpoint_id uuid, after_event_id uuid, deliveries_max integer)
returns table (
  event_id uuid, event_type text, created_at timestamptz, attempts integer, next_attempt_at timestamptz, is_in_flight boolean
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select d.event_id, o.event_type, o.created_at, d.attempts, d.next_attempt_at, d.leased_by is not null
  from (
    select d.event_id, d.attempts, d.next_attempt_at, d.leased_by
    from postrider.endpoint e
    cross join lateral (
      select d.event_id, d.attempts, d.next_attempt_at, d.leased_by
      from postrider.delivery d
      where d.endpoint_id = e.id and d.finished_at is null and (after_event_id is null or d.event_id > after_event_id)
      order by d.event_id
      limit least(deliveries_max, 1000)) d
    where e.id = portal_waiting.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('attempts:read'))) d
  -- One by one: a join might read the events of everybody.
  cross join lateral (select o.event_type, o.created_at from postrider.portal_event o where o.id = d.event_id offset 0) o
  order by d.event_id
$$;
comment on function postrider_internal.portal_waiting(uuid, uuid, integer) is
  'What waits for an endpoint of the tenant whose token this transaction shows, the oldest event first.';
