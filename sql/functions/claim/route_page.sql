create or replace function postrider_internal.route_page(
  event_types text[],
  tenants text[],
  fan_out_max integer,
  out kinds integer[],
  out rules postrider_internal.claim_rule[],
  out endpoints text,
  out revisions text,
  out is_plain boolean
)
language plpgsql volatile -- it must see the subscriptions that are committed by now
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  kind_types text[];
  kind_tenants text[];
begin
  -- One look at the subscriptions for each kind of event, and one rule for each endpoint. Whatever comes later compares
  -- numbers. A page of one kind is recognized at a fifteenth of the price of grouping it.
  if event_types[1] = all (event_types) and tenants[1] = all (tenants) then
    kind_types := event_types[:1];
    kind_tenants := tenants[:1];
    kinds := array_fill(1, array[cardinality(event_types)]);
  else
    with kind as materialized (
      select row_number() over () as n, e.event_type, e.tenant, array_agg(e.place) as places
      from (
        select unnest(event_types) as event_type, unnest(tenants) as tenant,
               generate_series(1, cardinality(event_types)) as place) e
      group by e.event_type, e.tenant
    )
    select array_agg(k.event_type), array_agg(k.tenant),
           (select array_agg(p.n::integer) from (select m.n, unnest(m.places) as place from kind m order by place) p)
    into kind_types, kind_tenants, kinds
    from kind k;
  end if;

  select array_agg(row(k.n::integer, e.endpoint_id, e.revision, e.is_active, e.filters)::postrider_internal.claim_rule),
         string_agg(e.endpoint_id::text, ','), string_agg(e.revision::text, ','),
         coalesce(bool_and(e.is_active and e.filters is null), true)
  into rules, endpoints, revisions, is_plain
  from unnest(kind_types, kind_tenants) with ordinality k (event_type, tenant, n)
  -- A look-up for each kind, and one for each of its endpoints. Joins that were planned while there were few rules became
  -- hash joins, which read every rule of the tenant for each page as long as the session lasted.
  cross join lateral (
    select s.endpoint_id, n.is_active, n.revision, s.filters
    from (
      select m.endpoint_id, case when bool_and(m.filter is not null) then array_agg(m.filter) end as filters
      -- A look-up for each pattern: given them as one array, Postgres 15 and 16 compare every rule of the tenant in a
      -- session that began with a few.
      from unnest(postrider_internal.event_type_patterns(k.event_type)) p (pattern)
      cross join lateral (
        select r.endpoint_id, r.filter from postrider.subscription r where r.tenant = k.tenant and r.event_type = p.pattern
        offset 0) m
      group by m.endpoint_id
      offset 0) s
    cross join lateral (
      select ep.state = 'active' as is_active, ep.revision
      from postrider.endpoint ep
      where ep.id = s.endpoint_id and ep.state <> 'disabled'
      offset 0) n
    offset 0) e;

  if cardinality(rules) > fan_out_max then
    select array_agg(row(r.kind, r.endpoint_id, r.revision, r.is_express and r.place <= fan_out_max, r.filters)::postrider_internal.claim_rule),
           string_agg(r.endpoint_id::text, ','), string_agg(r.revision::text, ','), is_plain and max(r.place) <= fan_out_max
    into rules, endpoints, revisions, is_plain
    from (
      select u.kind, u.endpoint_id, u.revision, u.is_express, u.filters,
             row_number() over (partition by u.kind order by u.is_express desc) as place
      from unnest(rules) u) r;
  end if;
end
$$;
comment on function postrider_internal.route_page(text[], text[], integer) is
  'The kind of each event of a page, a kind being a tenant and type, and the endpoints that get the events of each; rules is null if there are none, and endpoints and revisions list the same ones with commas. Beyond fan_out_max of them, an event is left to the queue. is_plain: every rule is for a daemon''s memory, without filters.';
