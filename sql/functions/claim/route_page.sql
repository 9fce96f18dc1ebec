create or replace function postrider_internal.route_page(events postrider_internal.claimed_event[], fan_out_max integer)
returns postrider_internal.claim_rule[]
language plpgsql volatile -- it must see the subscriptions that are committed by now
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One look at the subscriptions for each kind of event, and one rule for each endpoint.
  return (
    with kind as (
      select distinct e.tenant, e.event_type
      from unnest(events) e
    ), rule as (
      select k.tenant, k.event_type, s.endpoint_id, s.is_active, s.revision,
             case when bool_and(s.filter is not null) then array_agg(s.filter) end as filters,
             count(*) over (partition by k.tenant, k.event_type) <= fan_out_max as is_narrow
      from kind k
      cross join lateral unnest(postrider_internal.event_type_patterns(k.event_type)) p (pattern)
      -- A look-up for each pattern and endpoint. Joins that were planned while there were few rules became hash joins,
      -- which read every rule of the tenant for each page as long as the session lasted.
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
    select array_agg(row(r.tenant, r.event_type, r.endpoint_id, r.revision, r.is_active and r.is_narrow,
                         r.filters)::postrider_internal.claim_rule)
    from rule r);
end
$$;
comment on function postrider_internal.route_page(postrider_internal.claimed_event[], integer) is
  'The endpoints that get the events of a page, by tenant and type; null if there are none. An event for more than fan_out_max of them is left to the queue.';
