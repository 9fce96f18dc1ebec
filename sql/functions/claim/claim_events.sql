-- grant: execute to daemon
--
-- Claiming in one paragraph. The newest claim row is a cursor made of snapshots: every transaction visible in `base` has
-- been claimed. New is what a fresh snapshot (`target`) sees and `base` does not: the transactions that were in progress
-- in `base` and have ended since, however late (stragglers), and those from base's xmax on. Both are ranges of the index
-- (xid, seq), so a claim costs what it finds, whatever the depth of the backlog; an aborted transaction's rows do not
-- exist, and one still open stays in the next base's list of transactions in progress.
-- Advisory locks of class 1886352244: 1 the claim lock, 2 and 4 waking, 3 keeping partitions, 5 the list of enforced types.
--
-- The planner's settings on these functions keep their plans what they are on empty, unanalysed and very large tables:
-- index ranges in order, never a scan of a whole partition, never a sort of a whole window, planned once a session.
-- Where rows are looked up by the ids of others, one plan is left: a probe each, of the one partition that can have it.
-- The planner counts such a probe as one of every partition, and takes reading a table whole for cheaper (18,000 pages
-- for 100 rows of forty days). So what is read stands in a subquery of its own, by `offset 0` or `for update`; and an
-- update says `d.event_id between u.event_id and u.event_id`, since by a mere equality it could be joined the other way
-- round, in the order of an index. A test reads the plans.

create or replace function postrider_internal.claim_events(
  daemon_id uuid,
  events_max integer,
  pairs_max integer,
  fan_out_max integer,
  payload_bytes_max integer,
  unjudged_endpoints uuid[],
  unjudged_events uuid[]
) returns table (
  outcome text,
  claim_id bigint,
  event_count integer,
  queued_count integer,
  event_id uuid,
  event_type text,
  created_at text,
  payload text,
  endpoint_ids text,
  revisions text,
  slow_endpoint_id uuid
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  -- A page ends early, after one event at least, where its events have more deliveries than this together (a million of
  -- them took 11 s to write), or when its filters have taken so long.
  page_pairs_max constant integer := 10000;
  page_judging_max constant interval := '300 ms';
  newest record;
  base pg_snapshot;
  target pg_snapshot;
  after_xid xid8;
  after_seq bigint;
  stragglers xid8[];
  started timestamptz;
  complete boolean;
  ids uuid[];
  types text[];
  tenants text[];
  due_times timestamptz[];
  created_times timestamptz[];
  payloads text[];
  xids xid8[];
  seqs bigint[];
  found_count integer;
  page_count integer;
  rule_tenants text[];
  rule_types text[];
  rule_endpoints uuid[];
  rule_active boolean[];
  rule_narrow boolean[];
  rule_filtered boolean[];
  rule_revisions bigint[];
  filter_tenants text[];
  filter_types text[];
  filter_endpoints uuid[];
  filters jsonpath[];
  slow_event uuid;
  slow_endpoint uuid;
  judged record;
  judgement_endpoints uuid[];
  judgement_problems text[];
  judged_events uuid[] := '{}';
  judged_endpoints uuid[] := '{}';
  judged_problems text[] := '{}';
  pair_events uuid[];
  pair_endpoints uuid[];
  pair_revisions bigint[];
  express_count integer;
  queued integer := 0;
  queue_events uuid[];
  queue_endpoints uuid[];
  queue_times timestamptz[];
  refused_events uuid[];
  refused_endpoints uuid[];
  refused_reasons text[];
  new_claim_id bigint;
begin
  -- Under repeatable read a claim would see the outbox as it was before the claim that it continues.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'cannot claim events: the transaction is %', current_setting('transaction_isolation')
      using errcode = 'invalid_transaction_state', hint = 'Claim under read committed.';
  end if;
  -- A claim that finds nothing writes nothing, so that a primary that was made read only would answer it for ever, while
  -- the events come in elsewhere.
  if current_setting('transaction_read_only')::boolean then
    raise exception 'cannot claim events: the server takes no writes'
      using errcode = 'read_only_sql_transaction', hint = 'Let DATABASE_URL lead to the primary.';
  end if;
  -- The lane. Not a row lock: that would give this transaction an id before the snapshot is taken, and a snapshot
  -- leaves its own transaction out, so that an event written by the claiming transaction itself would be lost.
  if not pg_try_advisory_xact_lock(1886352244, 1) then
    return query select 'busy', null::bigint, 0, 0, null::uuid, null::text, null::text, null::text, null::text, null::text,
                        null::uuid;
    return;
  end if;
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'cannot claim events: the transaction has written already'
      using errcode = 'invalid_transaction_state', hint = 'Claim in a transaction of its own.';
  end if;
  -- The flush of this commit carries the commits of the events with it: without it, a crash of Postgres could undo an
  -- event of an application that commits asynchronously after it has been sent.
  if current_setting('synchronous_commit') in ('off', 'local') then
    perform set_config('synchronous_commit', 'on', true);
  end if;

  select c.id, c.base, c.target, c.after_xid, c.after_seq, s.is_on, s.place into newest
  from (
    select n.id, n.base, n.target, n.after_xid, n.after_seq from postrider.claim n order by n.id desc limit 1) c
  left join (
    select h.is_on, case when h.database_oid is not null then concat(h.system_identifier, '/', h.database_oid) end as place
    from postrider.sending h
    where h.is_row) s on true;
  if not found then
    raise exception 'cannot claim events: the cursor is gone, postrider.claim has no row'
      using errcode = 'object_not_in_prerequisite_state',
        hint = 'insert into postrider.claim (base) values (''1:1:'') claims every event there is, again; a snapshot of now, pg_current_snapshot(), none before it.';
  end if;
  if newest.is_on is null or newest.place is distinct from coalesce(current_setting('postrider.place', true), '') then
    perform postrider_internal.require_home();
  end if;
  if not newest.is_on then
    return query select 'off', null::bigint, 0, 0, null::uuid, null::text, null::text, null::text, null::text, null::text,
                        null::uuid;
    return;
  end if;
  base := newest.base;
  if pg_snapshot_xmax(coalesce(newest.target, base)) > pg_snapshot_xmax(pg_current_snapshot()) then
    raise exception 'cannot claim events: the cursor is at transaction % and this server only at %',
      pg_snapshot_xmax(coalesce(newest.target, base)), pg_snapshot_xmax(pg_current_snapshot())
      using errcode = 'PR014',
        detail = 'The rows were made by another server: this database was restored from a dump, or copied',
        hint = 'if it is to take the place of the other one, run "postrider adopt", or select postrider.adopt()';
  end if;
  if newest.target is null then
    target := pg_current_snapshot();
    after_xid := '0';
    after_seq := 0;
  else
    target := newest.target;
    after_xid := newest.after_xid;
    after_seq := newest.after_seq;
  end if;

  -- A window that turns out complete with an empty page (the last one was exactly full) moves on to the next at once.
  for round in 1 .. 2 loop
    stragglers := array(select x from pg_snapshot_xip(base) x where x >= after_xid and pg_visible_in_snapshot(x, target));
    started := clock_timestamp();
    with part as (
      -- transactions that were open in base and have ended: one probe each, those still open are not touched
      (select o.id, o.xid, o.seq, o.event_type, o.tenant, o.deliver_at, o.created_at, o.payload
       from unnest(stragglers) straggler (xid)
       cross join lateral (
         select i.id, i.xid, i.seq, i.event_type, i.tenant, i.deliver_at, i.created_at, i.payload
         from postrider.outbox i
         where i.xid = straggler.xid and i.seq > case when straggler.xid = after_xid then after_seq else 0 end
         order by i.xid, i.seq
         limit events_max) o
       order by o.xid, o.seq
       limit events_max)
      union all
      -- the rest of the transaction at which the last page stopped; a row comparison would start the index at its beginning
      (select i.id, i.xid, i.seq, i.event_type, i.tenant, i.deliver_at, i.created_at, i.payload
       from postrider.outbox i
       where i.xid = after_xid and i.seq > after_seq and not after_xid = any (stragglers)
       order by i.xid, i.seq
       limit events_max)
      union all
      -- everything from base's xmax on
      (select i.id, i.xid, i.seq, i.event_type, i.tenant, i.deliver_at, i.created_at, i.payload
       from postrider.outbox i
       where i.xid >= pg_snapshot_xmax(base) and i.xid > after_xid and i.xid < pg_snapshot_xmax(target)
         and pg_visible_in_snapshot(i.xid, target)
       order by i.xid, i.seq
       limit events_max)
    ), page as (
      select p.id, p.xid, p.seq, p.event_type, p.tenant, p.deliver_at, p.created_at, p.payload
      from part p
      order by p.xid, p.seq
      limit events_max
    )
    select array_agg(p.id), array_agg(p.event_type), array_agg(p.tenant), array_agg(p.deliver_at), array_agg(p.created_at),
           array_agg(postrider_internal.small_payload(p.payload, payload_bytes_max)), -- large ones are left where they are
           array_agg(p.xid), array_agg(p.seq), count(*)
    into ids, types, tenants, due_times, created_times, payloads, xids, seqs, found_count
    from page p;
    complete := found_count < events_max;
    exit when found_count > 0 or newest.target is null;
    base := target;
    target := pg_current_snapshot();
    after_xid := '0';
    after_seq := 0;
    newest.target := null;
  end loop;

  if found_count = 0 then
    -- Nothing new. The cursor moves on only where standing still has a price: rows of open or aborted transactions, and
    -- stragglers that ended without events, are read again at every poll (22 ms each beside 300,000 uncommitted rows).
    -- Where there are none of them, a long look only says that there are many partitions, and would be as long the next time.
    if clock_timestamp() - started > interval '10 ms'
      or clock_timestamp() - started > interval '1 ms'
        and (cardinality(stragglers) > 0
          or exists (select from pg_snapshot_xip(target) x where x >= pg_snapshot_xmax(base)))
    then
      insert into postrider.claim (base) values (target) returning id into new_claim_id;
      delete from postrider.claim c where c.id = newest.id and cardinality(c.event_ids) = 0;
    end if;
    return query select 'empty', new_claim_id, 0, 0, null::uuid, null::text, null::text, null::text, null::text, null::text,
                        null::uuid;
    return;
  end if;

  -- Routing. One look at the subscriptions for each kind of event, one rule for each endpoint, then one pair for each
  -- event and rule. A rule without a filter needs no look at the payload, and all the filters of an event look once.
  with kind as (
    select distinct e.tenant, e.event_type
    from unnest(tenants, types) e (tenant, event_type)
  ), rule as materialized (
    select k.tenant, k.event_type, s.endpoint_id, s.is_active, s.revision,
           case when bool_and(s.filter is not null) then array_agg(s.filter) end as filters,
           count(*) over (partition by k.tenant, k.event_type) <= fan_out_max as is_narrow
    from kind k
    cross join lateral unnest(postrider_internal.event_type_patterns(k.event_type)) p (pattern)
    -- A look-up for each pattern and endpoint. As joins, planned while there were few rules, they were hashed, and every
    -- rule of the tenant was read for each page for as long as the session lasted.
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
  select r.tenants, r.types, r.endpoints, r.active, r.narrow, r.filtered, r.revisions,
         f.tenants, f.types, f.endpoints, f.filters
  into rule_tenants, rule_types, rule_endpoints, rule_active, rule_narrow, rule_filtered, rule_revisions,
       filter_tenants, filter_types, filter_endpoints, filters
  from (
    select array_agg(r.tenant) as tenants, array_agg(r.event_type) as types, array_agg(r.endpoint_id) as endpoints,
           array_agg(r.is_active) as active, array_agg(r.is_narrow) as narrow,
           array_agg(r.filters is not null) as filtered, array_agg(r.revision) as revisions
    from rule r) r
  cross join (
    select array_agg(r.tenant) as tenants, array_agg(r.event_type) as types, array_agg(r.endpoint_id) as endpoints,
           array_agg(u.filter) as filters
    from rule r
    cross join lateral unnest(r.filters) u (filter)) f;

  page_count := found_count;
  if cardinality(rule_endpoints) > page_pairs_max / found_count then
    select greatest(1, count(*) filter (where w.pairs <= page_pairs_max)) into page_count
    from (
      select sum(coalesce(k.width, 0)) over (order by e.n) as pairs
      from unnest(tenants, types) with ordinality e (tenant, event_type, n)
      left join (
        select r.tenant, r.event_type, count(*) as width
        from unnest(rule_tenants, rule_types) r (tenant, event_type)
        group by r.tenant, r.event_type) k on k.tenant = e.tenant and k.event_type = e.event_type) w;
  end if;

  if filters is not null and unjudged_endpoints is not null then
    started := clock_timestamp();
    for judged in
      select e.n, e.id, k.endpoint_ids, k.filters
      from unnest(ids, tenants, types) with ordinality e (id, tenant, event_type, n)
      join (
        select f.tenant, f.event_type, array_agg(f.endpoint_id) as endpoint_ids, array_agg(f.filter) as filters
        from unnest(filter_tenants, filter_types, filter_endpoints, filters) f (tenant, event_type, endpoint_id, filter)
        where not exists (
          select from unnest(unjudged_endpoints, unjudged_events) u (endpoint_id, event_id)
          where u.endpoint_id = f.endpoint_id and u.event_id is null)
        group by f.tenant, f.event_type) k on k.tenant = e.tenant and k.event_type = e.event_type
      where e.n <= page_count
      order by e.n
    loop
      if judged.n > 1 and clock_timestamp() - started > page_judging_max then
        page_count := judged.n - 1;
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
      select coalesce(array_agg(m.endpoint_id), '{}'), coalesce(array_agg(m.problem), '{}'),
             (array_agg(m.endpoint_id) filter (where m.is_slow))[1]
      into judgement_endpoints, judgement_problems, slow_endpoint
      from postrider.outbox o
      cross join lateral postrider_internal.judge_filters(o.payload, judged.endpoint_ids, judged.filters) m
      where o.id = judged.id;
      if slow_endpoint is not null then
        slow_event := judged.id;
        page_count := judged.n - 1;
        exit;
      end if;
      judged_events := judged_events || array_fill(judged.id, array[cardinality(judgement_endpoints)]);
      judged_endpoints := judged_endpoints || judgement_endpoints;
      judged_problems := judged_problems || judgement_problems;
    end loop;
  end if;

  if page_count = 0 then
    return query select 'slow', null::bigint, 0, 0, slow_event, null::text, null::text, null::text, null::text, null::text,
                        slow_endpoint;
    return;
  end if;
  complete := complete and page_count = found_count;

  with event as (
    select e.id, e.event_type, e.tenant, e.deliver_at, e.n
    from unnest(ids, types, tenants, due_times) with ordinality e (id, event_type, tenant, deliver_at, n)
    where e.n <= page_count
  ), rule as (
    select r.tenant, r.event_type, r.endpoint_id, r.is_active, r.is_narrow, r.is_filtered, r.revision
    from unnest(rule_tenants, rule_types, rule_endpoints, rule_active, rule_narrow, rule_filtered, rule_revisions)
      r (tenant, event_type, endpoint_id, is_active, is_narrow, is_filtered, revision)
  ), judgement as (
    select e.id, r.endpoint_id, 'the filters of this endpoint took too long' as problem
    from event e
    join rule r on r.tenant = e.tenant and r.event_type = e.event_type
    where (unjudged_endpoints is null or cardinality(unjudged_endpoints) > 0)
      and r.is_filtered
      and (unjudged_endpoints is null or exists (
        select from unnest(unjudged_endpoints, unjudged_events) u (endpoint_id, event_id)
        where u.endpoint_id = r.endpoint_id and coalesce(u.event_id, e.id) = e.id))
    union all
    -- one filter that matches is enough, whatever is the matter with another
    select j.event_id, j.endpoint_id, case when not bool_or(j.problem is null) then min(j.problem) end
    from unnest(judged_events, judged_endpoints, judged_problems) j (event_id, endpoint_id, problem)
    group by j.event_id, j.endpoint_id
  ), pair as (
    select e.id, r.endpoint_id, r.revision, e.deliver_at, j.problem,
           case
             when j.problem is not null then 'refused'
             when r.is_active and r.is_narrow and (e.deliver_at is null or e.deliver_at <= now()) then 'express'
             else 'queue'
           end as lane
    from event e
    join rule r on r.tenant = e.tenant and r.event_type = e.event_type
    left join judgement j on j.id = e.id and j.endpoint_id = r.endpoint_id
    where not r.is_filtered or j.id is not null
    order by e.n
  )
  select
    array_agg(p.id) filter (where p.lane = 'express'),
    array_agg(p.endpoint_id) filter (where p.lane = 'express'),
    array_agg(p.revision) filter (where p.lane = 'express'),
    array_agg(p.id) filter (where p.lane = 'queue'),
    array_agg(p.endpoint_id) filter (where p.lane = 'queue'),
    array_agg(p.deliver_at) filter (where p.lane = 'queue'),
    array_agg(p.id) filter (where p.lane = 'refused'),
    array_agg(p.endpoint_id) filter (where p.lane = 'refused'),
    array_agg(p.problem) filter (where p.lane = 'refused')
  into pair_events, pair_endpoints, pair_revisions, queue_events, queue_endpoints, queue_times,
       refused_events, refused_endpoints, refused_reasons
  from pair p;

  express_count := least(coalesce(cardinality(pair_events), 0), pairs_max);
  if queue_events is not null or cardinality(pair_events) > pairs_max then
    insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at)
    select q.event_id, q.endpoint_id, 'pending', coalesce(q.deliver_at, now())
    from unnest(
      pair_events[express_count + 1:] || queue_events,
      pair_endpoints[express_count + 1:] || queue_endpoints,
      array_fill(null::timestamptz, array[coalesce(cardinality(pair_events), 0) - express_count]) || queue_times
    ) q (event_id, endpoint_id, deliver_at)
    on conflict do nothing; -- a row that somebody has made already stands, and stops no claim
    get diagnostics queued = row_count;
    pair_events := pair_events[1:express_count];
    pair_endpoints := pair_endpoints[1:express_count];
  end if;
  if refused_events is not null then
    insert into postrider.delivery (event_id, endpoint_id, state, finished_at, reason)
    select r.event_id, r.endpoint_id, 'discarded', now(), r.reason
    from unnest(refused_events, refused_endpoints, refused_reasons) r (event_id, endpoint_id, reason)
    on conflict do nothing;
  end if;

  insert into postrider.claim (base, target, after_xid, after_seq, daemon_id, event_ids, endpoint_ids)
  values (
    case when complete then target else base end,
    case when complete then null else target end,
    case when complete then null else xids[page_count] end,
    case when complete then null else seqs[page_count] end,
    claim_events.daemon_id,
    coalesce(pair_events, '{}'),
    coalesce(pair_endpoints, '{}'))
  returning id into new_claim_id;
  delete from postrider.claim c where c.id = newest.id and cardinality(c.event_ids) = 0;

  return query
    select case when complete then 'complete' else 'page' end, new_claim_id, page_count, queued, slow_event,
           null::text, null::text, null::text,
           string_agg(e.endpoint_id::text, ','), string_agg(e.revision::text, ','), slow_endpoint
    from (
      select distinct u.endpoint_id, u.revision
      from unnest(pair_endpoints, pair_revisions[1:express_count]) u (endpoint_id, revision)) e;
  if express_count > 0 then
    return query
      select null::text, null::bigint, null::integer, null::integer, e.id, e.event_type,
             to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), e.payload, p.endpoint_ids, null::text, null::uuid
      from unnest(ids, types, created_times, payloads) e (id, event_type, created_at, payload)
      join (
        select u.event_id, string_agg(u.endpoint_id::text, ',') as endpoint_ids
        from unnest(pair_events, pair_endpoints) u (event_id, endpoint_id)
        group by u.event_id) p on p.event_id = e.id;
  end if;
end
$$;
comment on function postrider_internal.claim_events(uuid, integer, integer, integer, integer, uuid[], uuid[]) is
  'Claims a page of new events for a daemon and routes it. The first row says what came of it (off: sending is switched off); then one row for each event whose first attempts the daemon has in hand. A page ends before an event with a filter that takes too long: the first row then has that event and endpoint, and where nothing is before it nothing is claimed (slow). unjudged_endpoints, unjudged_events: whose filters are not applied to which event (null: to any), the delivery being discarded for that; null for the former: no filters at all.';
