create or replace function postrider_internal.route_kinds(
  kind_types text[],
  kind_tenants text[],
  has_later boolean,
  fan_out_max integer,
  out ends integer[],
  out lists text[],
  out endpoint_ids uuid[],
  out endpoints text,
  out revisions text,
  out is_plain boolean,
  out rules postrider_internal.claim_rule[]
)
language plpgsql volatile -- it must see the subscriptions that are committed by now
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  -- One look at the subscriptions for each kind of event, and one rule for each endpoint. Whatever comes later compares
  -- numbers.
  --
  -- A page of 500 kinds with an endpoint each costs 8.7 us a kind: 2 for the index probe of the subscription, 2 for that of
  -- the endpoint, 1.4 for grouping, 0.7 for prefixes, 0.8 for the lists, 1.8 for the rest. Copies of an endpoint's state
  -- in its subscriptions would spare the second probe, and go stale under repeatable read.
  --
  -- Every pattern costs a look-up, 2 us, so kinds whose types begin alike share those of their prefixes. Without its last
  -- word a.b.c is a.b, and a is the empty string, which stands for *.
  with recursive kind as (
    select unnest(kind_types) as event_type, unnest(kind_tenants) as tenant, generate_series(1, cardinality(kind_types)) as n
  ), family (tenant, prefix, kinds) as (
    select f.tenant, f.prefix, f.kinds
    from (
      select k.tenant, left(k.event_type, -strpos(reverse(k.event_type), '.')) as prefix, array_agg(k.n) as kinds
      from kind k
      where k.event_type <> 'postrider'
      group by 1, 2) f
    union all
    select f.tenant, left(f.prefix, -strpos(reverse(f.prefix), '.')), f.kinds
    from family f
    where f.prefix not in ('', 'postrider')
  ), found as (
    -- A kind without rules has a row all the same, because what comes out is listed by kind.
    select k.n as kind, r.endpoint_id, r.filter, r.is_express, r.revision
    from kind k
    left join lateral postrider_internal.find_rules(k.tenant, k.event_type) r on true
    union all
    select unnest(f.kinds), r.endpoint_id, r.filter, r.is_express, r.revision
    from family f
    cross join lateral postrider_internal.find_rules(f.tenant, case f.prefix when '' then '*' else f.prefix || '.*' end) r
  ), rule as materialized (
    select f.kind, f.endpoint_id, bool_and(f.is_express) as is_express, max(f.revision) as revision,
           case when count(*) = count(f.filter) then array_agg(f.filter) filter (where f.filter is not null) end as filters
    from found f
    group by f.kind, f.endpoint_id
    order by f.kind
  ), by_kind as (
    select array_agg(k.last) as ends, array_agg(k.list) as lists, max(k.width) as width
    from (
      select n.kind, max(n.place)::integer as last, count(n.endpoint_id) as width,
             string_agg((n.place - 1)::text, ',') filter (where n.endpoint_id is not null) as list
      from (
        select r.kind, r.endpoint_id, count(r.endpoint_id) over (order by r.kind rows unbounded preceding) as place
        from rule r) n
      group by n.kind
      order by n.kind) k
  ), by_rule as (
    select array_agg(r.endpoint_id) as endpoint_ids, string_agg(r.endpoint_id::text, ',') as endpoints,
           string_agg(r.revision::text, ',') as revisions, coalesce(bool_and(r.is_express and r.filters is null), true) as is_simple
    from rule r
    where r.endpoint_id is not null
  )
  select k.ends, k.lists, r.endpoint_ids, r.endpoints, r.revisions, p.is_plain,
         case when not p.is_plain then array(
           select row(n.kind, n.endpoint_id, n.revision, n.is_express and n.place <= fan_out_max, n.filters)::postrider_internal.claim_rule
           from (
             select u.kind, u.endpoint_id, u.revision, u.is_express, u.filters,
                    row_number() over (partition by u.kind order by u.is_express desc) as place
             from rule u
             where u.endpoint_id is not null) n)
         end
  into ends, lists, endpoint_ids, endpoints, revisions, is_plain, rules
  from by_kind k
  cross join by_rule r
  cross join lateral (select r.is_simple and not has_later and k.width <= fan_out_max as is_plain) p;
end
$$;
comment on function postrider_internal.route_kinds(text[], text[], boolean, integer) is
  'Part of route_page(), and like it: the endpoints for each kind of event.';
