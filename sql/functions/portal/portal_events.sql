-- grant: execute to portal

-- A function and no view: it must look at so many events of all tenants and no more, before it leaves out those of others.
create or replace function postrider_internal.portal_events(
  since timestamptz, until timestamptz, of_type text, of_endpoint_id uuid, after_id uuid, events_max integer
)
returns table (
  id uuid, event_type text, ordering_key text, created_at timestamptz, deliver_at timestamptz, erased_at timestamptz, is_test boolean, deliveries jsonb
)
language sql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
as $$
  select o.id, o.event_type, o.ordering_key, o.created_at, o.deliver_at, o.erased_at, o.test_endpoint_id is not null,
         (select coalesce(jsonb_object_agg(s.state, s.deliveries), '{}')
          from (
            select d.state, count(*) as deliveries
            from (
              select d.state
              from postrider.delivery d
              join postrider.endpoint e on e.id = d.endpoint_id and e.tenant = o.tenant
              where d.event_id = o.id
              limit 1000) d
            group by d.state) s)
  from (
    select o.id, o.event_type, o.tenant, o.ordering_key, o.created_at, o.deliver_at, o.erased_at, o.test_endpoint_id
    from postrider.outbox o
    where o.id >= postrider.uuid_v7_floor(coalesce(since, now() - interval '24 hours'))
      and (until is null or o.id < postrider.uuid_v7_floor(until))
      and (after_id is null or o.id < after_id)
    order by o.id desc
    limit 10000) o
  where o.tenant = (select postrider_internal.portal_tenant('attempts:read'))
    and (o.test_endpoint_id is not null or not starts_with(o.event_type, 'postrider.'))
    and (of_type is null
         or case when of_type like '%.*' then starts_with(o.event_type, left(of_type, -1))
                 else o.event_type = of_type or of_type = '*' end)
    and (of_endpoint_id is null
         or exists (select from postrider.delivery d where d.event_id = o.id and d.endpoint_id = of_endpoint_id))
  order by o.id desc
  limit least(events_max, 1000)
$$;
comment on function postrider_internal.portal_events(timestamptz, timestamptz, text, uuid, uuid, integer) is
  'The events of the tenant whose token this transaction shows, the newest first, with how many of their deliveries are in each state. Looks at 10,000 events at most.';
