create or replace function postrider_internal.pair_page(
  ids uuid[],
  kinds integer[],
  ends integer[],
  rule_endpoints uuid[],
  pairs_max integer,
  out event_count integer,
  out event_ids uuid[],
  out endpoint_ids uuid[],
  out others postrider_internal.claim_pair[]
)
language plpgsql stable
-- Without a setting, as it reads no tables and runs for each page.
as $$
#variable_conflict use_column
begin
  if cardinality(ends) = 1 and ends[1] = 1 then
    event_count := least(cardinality(ids), greatest(1, pairs_max));
    event_ids := ids[:event_count];
    endpoint_ids := array_fill(rule_endpoints[1], array[event_count]);
    return;
  end if;
  event_count := postrider_internal.fit_page(kinds, ends, pairs_max);
  if rule_endpoints is null then
    return;
  end if;
  select array_agg(p.id), array_agg(rule_endpoints[p.rule]) into event_ids, endpoint_ids
  from (
    select e.id, generate_series(coalesce(ends[e.kind - 1], 0) + 1, ends[e.kind]) as rule
    from (select unnest(ids[:event_count]) as id, unnest(kinds[:event_count]) as kind) e) p;
end
$$;
comment on function postrider_internal.pair_page(uuid[], integer[], integer[], uuid[], integer) is
  'The pairs of events and endpoints if every event gets all endpoints of its kind, as routed by route_page: those of as many events as have no more than pairs_max, but of one event at least.';
