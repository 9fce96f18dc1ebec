create or replace function postrider_internal.store_claim(
  page postrider_internal.claim_page,
  rules postrider_internal.claim_rule[],
  verdicts postrider_internal.claim_pair[],
  daemon_id uuid,
  pairs_max integer,
  former_claim bigint,
  out claim_id bigint,
  out queued_count integer,
  out event_ids uuid[],
  out endpoint_ids uuid[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  others postrider_internal.claim_pair[];
  last postrider_internal.claimed_event;
begin
  -- One pair for each event and rule, except those whose filters say no.
  with pair as (
    select e.id as event_id, r.endpoint_id, e.deliver_at, v.problem,
           r.is_express and v.problem is null and (e.deliver_at is null or e.deliver_at <= now()) as is_express
    from unnest(page.events) with ordinality e
    join unnest(rules) r on r.tenant = e.tenant and r.event_type = e.event_type
    left join unnest(verdicts) v on v.event_id = e.id and v.endpoint_id = r.endpoint_id
    where r.filters is null or v.event_id is not null
    order by e.ordinality
  )
  select array_agg(p.event_id) filter (where p.is_express), array_agg(p.endpoint_id) filter (where p.is_express),
         array_agg(row(p.event_id, p.endpoint_id, p.deliver_at, p.problem)::postrider_internal.claim_pair) filter (where not p.is_express)
  into event_ids, endpoint_ids, others
  from pair p;

  queued_count := 0;
  if others is not null or cardinality(event_ids) > pairs_max then
    with stored as (
      insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, finished_at, reason)
      select q.event_id, q.endpoint_id,
             case when q.problem is null then 'pending' else 'discarded' end,
             case when q.problem is null then coalesce(q.deliver_at, now()) end,
             case when q.problem is not null then now() end,
             q.problem
      from (
        -- What the daemon has no room for.
        select x.event_id, x.endpoint_id, null::timestamptz as deliver_at, null as problem
        from unnest(event_ids[pairs_max + 1:], endpoint_ids[pairs_max + 1:]) x (event_id, endpoint_id)
        union all
        select o.event_id, o.endpoint_id, o.deliver_at, o.problem from unnest(others) o) q
      on conflict do nothing -- a row that is there already stands, and stops no claim
      returning state
    )
    select count(*) filter (where s.state = 'pending') into queued_count from stored s;
    event_ids := event_ids[:pairs_max];
    endpoint_ids := endpoint_ids[:pairs_max];
  end if;
  event_ids := coalesce(event_ids, '{}');
  endpoint_ids := coalesce(endpoint_ids, '{}');

  last := page.events[cardinality(page.events)];
  insert into postrider.claim (base, target, after_xid, after_seq, daemon_id, event_ids, endpoint_ids)
  values (
    case when page.is_complete then page.target else page.base end,
    case when not page.is_complete then page.target end,
    case when not page.is_complete then last.xid end,
    case when not page.is_complete then last.seq end,
    store_claim.daemon_id,
    store_claim.event_ids,
    store_claim.endpoint_ids)
  returning id into claim_id;
  delete from postrider.claim c where c.id = former_claim and cardinality(c.event_ids) = 0;
end
$$;
comment on function postrider_internal.store_claim(postrider_internal.claim_page, postrider_internal.claim_rule[], postrider_internal.claim_pair[], uuid, integer, bigint) is
  'Moves the cursor behind a page, by a claim of the pairs that the daemon gets, up to pairs_max of them; writes all others as deliveries, and says how many of those are pending.';
