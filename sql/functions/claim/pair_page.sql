create or replace function postrider_internal.pair_page(
  ids uuid[],
  kinds integer[],
  rules postrider_internal.claim_rule[],
  out event_ids uuid[],
  out endpoint_ids uuid[],
  out others postrider_internal.claim_pair[],
  out lists text[]
)
language plpgsql stable
-- Without a setting, as it reads no tables and runs for each page.
as $$
#variable_conflict use_column
begin
  if rules is null then
    return;
  end if;
  if cardinality(rules) = 1 and rules[1].kind = all (kinds) then
    event_ids := ids;
    endpoint_ids := array_fill(rules[1].endpoint_id, array[cardinality(ids)]);
    lists := '{0}';
    return;
  end if;
  select array_agg(p.id), array_agg(p.endpoint_id) into event_ids, endpoint_ids
  from (
    select e.id, r.endpoint_id
    from (select unnest(ids) as id, unnest(kinds) as kind, generate_series(1, cardinality(ids)) as place) e
    join unnest(rules) r on r.kind = e.kind
    order by e.place) p;
  select array_agg(l.list order by k.kind) into lists
  from generate_series(1, (select max(e.kind) from unnest(kinds) e (kind))) k (kind)
  left join (
    select r.kind, string_agg((r.n - 1)::text, ',') as list
    from unnest(rules) with ordinality r (kind, endpoint_id, revision, is_express, filters, n)
    group by r.kind) l on l.kind = k.kind;
end
$$;
comment on function postrider_internal.pair_page(uuid[], integer[], postrider_internal.claim_rule[]) is
  'The pairs of events and endpoints if every event gets all rules of its kind. lists: for each kind, which rules those are, from 0.';
