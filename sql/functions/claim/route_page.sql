create or replace function postrider_internal.route_page(
  event_types text[],
  tenants text[],
  has_later boolean,
  fan_out_max integer,
  out kinds integer[],
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
declare
  kind_types text[];
  kind_tenants text[];
  width bigint;
  is_simple boolean;
begin
  -- A page of one kind is recognized at a fifteenth of the price of grouping it.
  if event_types[1] = all (event_types) and tenants[1] = all (tenants) then
    kinds := array_fill(1, array[cardinality(event_types)]);
    -- A lone event, most of all, is claimed as fast as its statements are set up, and this one has few parts.
    select array_agg(r.endpoint_id), string_agg(r.endpoint_id::text, ','), string_agg(r.revision::text, ','),
           count(*), coalesce(bool_and(r.is_simple), true)
    into endpoint_ids, endpoints, revisions, width, is_simple
    from (
      select f.endpoint_id, max(f.revision) as revision, bool_and(f.is_express) and count(f.filter) < count(*) as is_simple
      from unnest(postrider_internal.event_type_patterns(event_types[1])) p (pattern)
      cross join lateral postrider_internal.find_rules(tenants[1], p.pattern) f
      group by f.endpoint_id) r;
    is_plain := is_simple and not has_later and width <= fan_out_max;
    if is_plain then
      ends := array[width];
      lists := array[case when width = 1 then '0' else (select string_agg(n::text, ',') from generate_series(0, width - 1) n) end];
      return;
    end if;
    kind_types := event_types[:1];
    kind_tenants := tenants[:1];
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

  select r.ends, r.lists, r.endpoint_ids, r.endpoints, r.revisions, r.is_plain, r.rules
  into ends, lists, endpoint_ids, endpoints, revisions, is_plain, rules
  from postrider_internal.route_kinds(kind_types, kind_tenants, has_later, fan_out_max) r;
end
$$;
comment on function postrider_internal.route_page(text[], text[], boolean, integer) is
  'The kind of each event of a page, a kind being a tenant and type, and the endpoints that get the events of each kind, in the order of kinds. ends: which of them is the last of each kind, from 1; lists: which ones are those of each kind, from 0 and with commas, null if there are none; endpoints, revisions: all of them with commas. is_plain: all pairs of the page are for a daemon''s memory, because nothing is filtered, paused, batched, due later, or beyond fan_out_max endpoints, from which on an event is left to the queue; otherwise rules says it of each.';
