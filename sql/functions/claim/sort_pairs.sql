create or replace function postrider_internal.sort_pairs(
  ids uuid[],
  kinds integer[],
  deliver_times timestamptz[],
  rules postrider_internal.claim_rule[],
  verdicts postrider_internal.claim_pair[],
  pairs_max integer,
  out event_count integer,
  out event_ids uuid[],
  out endpoint_ids uuid[],
  out others postrider_internal.claim_pair[],
  out endpoints text,
  out revisions text,
  out lists text[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  -- One pair for each event and rule, except those whose filters say no. The page ends, after one event at least, before
  -- the event with which it would have more first attempts than the daemon has room for.
  with pair as (
    select e.n, e.id as event_id, r.n as rule, r.endpoint_id, e.deliver_at, v.problem,
           r.is_express and v.problem is null and (e.deliver_at is null or e.deliver_at <= now()) as is_express
    from unnest(ids, kinds, deliver_times) with ordinality e (id, kind, deliver_at, n)
    join unnest(rules) with ordinality r (kind, endpoint_id, revision, is_express, filters, n) on r.kind = e.kind
    left join unnest(verdicts) v on v.event_id = e.id and v.endpoint_id = r.endpoint_id
    where r.filters is null or v.event_id is not null
  ), counted as (
    select p.n, p.event_id, p.rule, p.endpoint_id, p.deliver_at, p.problem, p.is_express,
           p.n = 1 or count(*) filter (where p.is_express) over (order by p.n) <= pairs_max as fits
    from pair p
  ), used as (
    select u.rule, row_number() over (order by u.rule) as place
    from (select distinct c.rule from counted c where c.fits and c.is_express) u
  ), event as (
    select c.n, string_agg((u.place - 1)::text, ',') as list
    from counted c
    join used u on u.rule = c.rule
    where c.fits and c.is_express
    group by c.n
  )
  select coalesce(min(c.n) filter (where not c.fits) - 1, cardinality(ids)),
         array_agg(c.event_id order by c.n) filter (where c.fits and c.is_express),
         array_agg(c.endpoint_id order by c.n) filter (where c.fits and c.is_express),
         array_agg(row(c.event_id, c.endpoint_id, c.deliver_at, c.problem)::postrider_internal.claim_pair)
           filter (where c.fits and not c.is_express),
         (select string_agg(rules[u.rule].endpoint_id::text, ',' order by u.place) from used u),
         (select string_agg(rules[u.rule].revision::text, ',' order by u.place) from used u),
         (select array_agg(e.list order by g.n) from generate_subscripts(ids, 1) g (n) left join event e on e.n = g.n)
  into event_count, event_ids, endpoint_ids, others, endpoints, revisions, lists
  from counted c;
end
$$;
comment on function postrider_internal.sort_pairs(
  uuid[], integer[], timestamptz[], postrider_internal.claim_rule[], postrider_internal.claim_pair[], integer) is
  'The pairs of events and endpoints, sorted into those that the daemon gets, up to pairs_max of them (those of one event at least), and the others, which become deliveries. event_count: how many events those are; endpoints, revisions: those of the rules by which the daemon gets some of them, with commas; lists: for each event, which of those, from 0.';
