create or replace function postrider_internal.judge_page(
  ids uuid[],
  kinds integer[],
  ends integer[],
  rules postrider_internal.claim_rule[],
  unjudged_endpoints uuid[],
  unjudged_events uuid[],
  out event_count integer,
  out verdicts postrider_internal.claim_pair[],
  out slow_event_id uuid,
  out slow_endpoint_id uuid
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- A page ends early, after one event at least, if its events have more deliveries than this together (a million of
  -- them took 11 s to write), or when its filters have taken so long.
  pairs_max constant integer := 10000;
  judging_max constant interval := '300 ms';
  started constant timestamptz := clock_timestamp();
  judged record;
  found postrider_internal.claim_pair[];
  answers postrider_internal.claim_pair[];
begin
  event_count := postrider_internal.fit_page(kinds, ends, pairs_max);
  if not exists (select from unnest(rules) r where r.filters is not null) then
    return;
  end if;

  -- All filters of an event are judged by one look at its payload.
  for judged in
    select e.n, e.id, k.endpoint_ids, k.filters
    from unnest(ids, kinds) with ordinality e (id, kind, n)
    join (
      select r.kind, array_agg(r.endpoint_id) as endpoint_ids, array_agg(f.filter) as filters
      from unnest(rules) r
      cross join lateral unnest(r.filters) f (filter)
      where not exists (
        select from unnest(unjudged_endpoints, unjudged_events) u (endpoint_id, event_id)
        where u.endpoint_id = r.endpoint_id and u.event_id is null)
      group by r.kind) k on k.kind = e.kind
    where e.n <= event_count and unjudged_endpoints is not null
    order by e.n
  loop
    if judged.n > 1 and clock_timestamp() - started > judging_max then
      event_count := judged.n - 1;
      exit;
    end if;
    if judged.id = any (unjudged_events) then
      select coalesce(array_agg(f.endpoint_id), '{}'), coalesce(array_agg(f.filter), '{}')
      into judged.endpoint_ids, judged.filters
      from unnest(judged.endpoint_ids, judged.filters) f (endpoint_id, filter)
      where not exists (
        select from unnest(unjudged_endpoints, unjudged_events) u (endpoint_id, event_id)
        where u.endpoint_id = f.endpoint_id and u.event_id = judged.id);
    end if;
    select array_agg(row(judged.id, m.endpoint_id, null, m.problem)::postrider_internal.claim_pair),
           (array_agg(m.endpoint_id) filter (where m.is_slow))[1]
    into found, slow_endpoint_id
    from postrider.outbox o
    cross join lateral postrider_internal.judge_filters(o.payload, judged.endpoint_ids, judged.filters) m
    where o.id = judged.id;
    if slow_endpoint_id is not null then
      slow_event_id := judged.id;
      event_count := judged.n - 1;
      exit;
    end if;
    answers := answers || found;
  end loop;

  -- One filter that matches is enough, whatever is wrong with another.
  verdicts := array(
    select row(a.event_id, a.endpoint_id, null,
               case when not bool_or(a.problem is null) then min(a.problem) end)::postrider_internal.claim_pair
    from unnest(answers) a
    group by a.event_id, a.endpoint_id);
  if unjudged_endpoints is null or cardinality(unjudged_endpoints) > 0 then
    verdicts := verdicts || array(
      select row(e.id, r.endpoint_id, null, 'the filters of this endpoint took too long')::postrider_internal.claim_pair
      from unnest(ids[:event_count], kinds[:event_count]) e (id, kind)
      join unnest(rules) r on r.kind = e.kind
      where r.filters is not null
        and (unjudged_endpoints is null or exists (
          select from unnest(unjudged_endpoints, unjudged_events) u (endpoint_id, event_id)
          where u.endpoint_id = r.endpoint_id and coalesce(u.event_id, e.id) = e.id)));
  end if;
end
$$;
comment on function postrider_internal.judge_page(uuid[], integer[], integer[], postrider_internal.claim_rule[], uuid[], uuid[]) is
  'How many events the page has room for, and what the filters say of each: verdicts holds the pairs that match, and those that cannot be judged, with the problem. The page ends before an event with a filter that takes too long, which is named.';
