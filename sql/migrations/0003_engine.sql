-- What daemons call: claiming new events and due deliveries, recording, taking over, beating.
-- locks: nothing that exists; it makes functions only
-- breaking: no
--
-- Claiming in one paragraph. The newest claim row is a cursor made of snapshots: every transaction visible in `base` has
-- been claimed. New is what a fresh snapshot (`target`) sees and `base` does not: the transactions that were in progress
-- in `base` and have ended since, however late (stragglers), and those from base's xmax on. Both are ranges of the index
-- (xid, seq), so a claim costs what it finds, whatever the depth of the backlog; an aborted transaction's rows do not
-- exist, and one still open stays in the next base's list of transactions in progress.
-- Advisory locks of class 1886352244: 1 the lane of claiming, 2 waking (0002), 3 keeping partitions (0001).
--
-- The planner's settings on these functions keep their plans what they are on empty, unanalysed and very large tables:
-- index ranges in order, never a scan of a whole partition, never a sort of a whole window, planned once a session.
-- Where rows are looked up by the ids of others, one plan is left: a probe each, of the one partition that can have it.
-- The planner counts such a probe as one of every partition, and takes reading a table whole for cheaper (18,000 pages
-- for 100 rows of forty days). So what is read stands in a subquery of its own, by `offset 0` or `for update`; and an
-- update says `d.event_id between u.event_id and u.event_id`, since by a mere equality it could be joined the other way
-- round, in the order of an index. A test reads the plans.

-- Copies ----------------------------------------------------------------------------------------------------------
--
-- Transaction ids mean nothing in another cluster: restored rows carry ids that the new one has yet to reach, or has used
-- for something else, and the cursor is made of them. And a copy of production that sends is worse than a pause. So daemons
-- work where postrider.sending says, and refuse with PR014 anywhere else, until postrider.adopt() was called there.
--
-- A place is a database of a cluster: the cluster by its system identifier, which a failover keeps and a new initdb does
-- not, the database by its oid, which a rename keeps and a second database, restored or made from a template, does not have.
-- It is found out once a session, which never leaves its place: pg_control_system() reads a file, for 30 to 90 us, as
-- much as the whole look of a claim that finds nothing. From then on it is the setting postrider.place of the session.

create function postrider.present_place(out system_identifier bigint, out database_oid oid)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  select d.oid into database_oid from pg_database d where d.datname = current_database();
  if (select s.is_guarded from postrider.sending s) then
    select c.system_identifier into system_identifier from pg_control_system() c;
  end if;
exception
  when insufficient_privilege or undefined_function then
    raise exception 'cannot tell which cluster this is'
      using errcode = 'PR014',
        detail = format('%s may not call pg_control_system()', current_user),
        hint = format('grant execute on function pg_control_system() to %I; or, so that a copy in another cluster is no longer noticed: update postrider.sending set is_guarded = false, and, where events were claimed and this is no copy that must not send, "postrider adopt"', current_user);
end
$$;
comment on function postrider.present_place() is 'Which database of which cluster this is. The cluster is null where postrider.sending is not guarded.';

create function postrider.copy_problem() returns text
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set enable_bitmapscan = off
as $$
declare
  home record;
  here record;
  cursor_end xid8;
  now_at constant xid8 := pg_snapshot_xmax(pg_current_snapshot());
  is_claimed boolean;
begin
  select s.system_identifier, s.database_oid, s.home_since into home from postrider.sending s where s.is_row;
  if not found then
    return 'postrider.sending has no row, which would say where daemons have worked';
  end if;
  select p.system_identifier, p.database_oid into here from postrider.present_place() p;
  if home.database_oid is not null and (home.system_identifier, home.database_oid) is distinct from (here.system_identifier, here.database_oid) then
    return format('daemons have worked in the database with oid %s of the cluster %s since %s, and this is the one with oid %s of the cluster %s',
      home.database_oid, coalesce(home.system_identifier::text, '(unknown)'),
      to_char(home.home_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), here.database_oid, coalesce(here.system_identifier::text, '(unknown)'));
  end if;
  select pg_snapshot_xmax(coalesce(c.target, c.base)), pg_snapshot_xmax(c.base) > '1' or c.target is not null into cursor_end, is_claimed
  from postrider.claim c
  order by c.id desc
  limit 1;
  if cursor_end > now_at then
    return format('the cursor over the outbox is at transaction %s, and this server only at %s', cursor_end, now_at);
  end if;
  -- Nobody claims before the home is written down: the claims came from elsewhere, or the home was taken out.
  if home.database_oid is null and is_claimed then
    return format('events were claimed up to transaction %s, and postrider.sending does not say where', cursor_end);
  end if;
  -- Events that this server cannot have written: restored, or replicated into this database after it was adopted.
  if exists (
    select from postrider.outbox o
    where o.xid >= now_at and o.xid is distinct from pg_current_xact_id_if_assigned()
    order by o.xid, o.seq
    limit 1)
  then
    return format('the outbox has events of transactions that this server, at %s, has yet to reach', now_at);
  end if;
  return null;
end
$$;
comment on function postrider.copy_problem() is
  'What shows that this database was restored or copied from another one, whose place it has not taken: daemons stop here until postrider.adopt() is called. Null where they may work.';

create function postrider.require_home(may_move_in boolean default true) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  waiting_max constant integer := 1000;
  home record;
  problem text;
  waiting bigint;
begin
  select s.is_on, s.database_oid is not null as is_known, concat(s.system_identifier, '/', s.database_oid) as place into home
  from postrider.sending s
  where s.is_row;
  if not found then
    raise exception 'cannot tell whether daemons are to send from this database'
      using errcode = 'PR014', detail = 'postrider.sending has no row',
        hint = 'if they are, run "postrider adopt", or select postrider.adopt(), which writes it; if not, insert into postrider.sending (is_on) values (false)';
  end if;
  if home.is_known and home.place = current_setting('postrider.place', true) then
    return home.is_on;
  end if;
  problem := postrider.copy_problem();
  if problem is not null then
    select count(*) into waiting from (select from postrider.delivery d where d.state = 'pending' limit waiting_max + 1) w;
    raise exception 'cannot deliver from this database: it was restored or copied from another one'
      using errcode = 'PR014',
        detail = format('%s; %s deliveries wait in it, and %s first attempts were in hand', problem,
          case when waiting > waiting_max then 'more than ' || waiting_max else waiting::text end,
          (select count(*) from postrider.claim c
           cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
           where not exists (
             select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
             offset 0))),
        hint = 'if it is to take the place of the other one, run "postrider adopt", or select postrider.adopt(); if it must not send, leave it so, or switch sending off first: update postrider.sending set is_on = false';
  end if;
  if home.is_known then
    perform set_config('postrider.place', home.place, false);
  elsif may_move_in then
    update postrider.sending s
    set (system_identifier, database_oid, home_since) = (
      select p.system_identifier, p.database_oid, clock_timestamp() from postrider.present_place() p)
    where s.is_row and s.database_oid is null;
  end if;
  return home.is_on;
end
$$;
comment on function postrider.require_home(boolean) is
  'Whether sending is switched on. Raises PR014 where this database is a copy that was not adopted. may_move_in: the first daemon of all writes down where it works, before it does anything else.';

create function postrider.event_type_patterns(event_type text) returns text[]
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
declare
  patterns text[] := array[event_type];
  words text[] := string_to_array(event_type, '.');
begin
  for length in 1 .. cardinality(words) - 1 loop
    patterns := patterns || (array_to_string(words[1:length], '.') || '.*');
  end loop;
  if words[1] <> 'postrider' then
    patterns := patterns || '*'::text;
  end if;
  return patterns;
end
$$;
comment on function postrider.event_type_patterns(text) is
  'The patterns of subscriptions that match an event type: itself, its prefixes, and * unless it is one of postrider''s own.';

create function postrider.judge_filters(payload json, endpoint_ids uuid[], filters jsonpath[])
returns table (endpoint_id uuid, problem text, is_slow boolean)
language plpgsql volatile -- the clock is read, and a payload is not to be looked at before its turn
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  -- Reading a payload as jsonb sorts its keys, which nothing interrupts: the worst of one megabyte took 0.5 s, the worst
  -- of eight 5 s, and one of forty-nine outlasted every deadline, at every claim.
  payload_bytes_max constant integer := 1048576;
  -- A comparison of two paths tries every value of the one with every value of the other, and nothing interrupts that
  -- either: two lists of 16,000 took 15 s.
  compares_paths constant text := '(==|!=|<>|<=|>=|<|>)[ (+-]*[$@]';
  compared_bytes_max constant integer := 8192;
  has_long_list constant jsonpath := 'strict exists($.** ? (@.type() == "array" && @.size() > 1000))';
  filters_time_max constant interval := '1 s';
  filter_time_max constant interval := '500 ms';
  started constant timestamptz := clock_timestamp();
  filter_started timestamptz;
  payload_bytes integer;
  document jsonb;
  unreadable text;
begin
  is_slow := false;
  -- the size on disk first, for it needs no reading; it is the least that the payload can have
  payload_bytes := case when pg_column_size(payload) <= payload_bytes_max then octet_length(payload::text) end;
  if payload_bytes is null or payload_bytes > payload_bytes_max then
    unreadable := format('the payload has %s bytes, and filters are applied up to %s',
                         coalesce(payload_bytes::text, 'more than ' || pg_column_size(payload)), payload_bytes_max);
  else
    begin
      document := payload::jsonb;
    exception
      -- \u0000, a number beyond numeric, a nesting too deep
      when others then
        if left(sqlstate, 2) in ('53', '57', '58') then
          raise;
        end if;
        unreadable := format('no filter can be applied to the payload: %s', sqlerrm);
    end;
  end if;
  for n in 1 .. cardinality(filters) loop
    endpoint_id := endpoint_ids[n];
    problem := unreadable;
    filter_started := clock_timestamp();
    begin
      if problem is null and filter_started - started > filters_time_max then
        problem := 'the filters of the endpoints before it took longer than a second with this payload';
      end if;
      if problem is null and payload_bytes > compared_bytes_max
        and filters[n]::text ~ compares_paths and document @@ has_long_list
      then
        problem := format('the filter %s compares two paths, and the payload has a list of more than 1000', filters[n]);
      end if;
      if problem is not null or document @@ filters[n] then
        return next;
      end if;
      null; -- a cancel that nothing has met so far is met here
    exception
      -- The deadline of the statement: what is asked next is asked without this filter. A cancel that comes sooner is
      -- somebody's, and obeyed. There is no deadline any more: nothing may follow here that takes long.
      when query_canceled then
        if clock_timestamp() - filter_started < filter_time_max then
          raise;
        end if;
      -- A date compared with a time that has a zone (0A000), a variable that nobody sets (42704): a list would miss one,
      -- and what it misses stops every claim. Only what is the server's trouble is no fault of the event or the filter.
      when others then
        if left(sqlstate, 2) in ('53', '57', '58') then
          raise;
        end if;
        problem := format('the filter %s cannot be applied to the payload: %s', filters[n], sqlerrm);
        return next;
    end;
    if clock_timestamp() - filter_started > filter_time_max then
      problem := null;
      is_slow := true;
      return next;
      return;
    end if;
  end loop;
end
$$;
comment on function postrider.judge_filters(json, uuid[], jsonpath[]) is
  'The endpoints one of whose filters the payload matches, and those where Postgres cannot judge, with the reason; no answer is no match. Takes a second at most, and what one filter takes: at a filter that takes longer than half a second it stops (is_slow), and what it has said about the others is not all.';

create function postrider.small_payload(payload json, bytes_max integer) returns text
language sql stable parallel safe
-- the size on disk is looked at first, for it needs no reading; the text may be a hundred times as long
return case
  when pg_column_size(payload) <= bytes_max and octet_length(payload::text) <= bytes_max then payload::text
end;
comment on function postrider.small_payload(json, integer) is
  'The text of a payload; null where it is larger than that many bytes, and is to be loaded when its turn comes.';

create function postrider.claim_events(
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
language plpgsql volatile
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
    perform postrider.require_home();
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
           array_agg(postrider.small_payload(p.payload, payload_bytes_max)), -- large ones are left where they are
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
    cross join lateral unnest(postrider.event_type_patterns(k.event_type)) p (pattern)
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
      cross join lateral postrider.judge_filters(o.payload, judged.endpoint_ids, judged.filters) m
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
comment on function postrider.claim_events(uuid, integer, integer, integer, integer, uuid[], uuid[]) is
  'Claims a page of new events for a daemon and routes it. The first row says what came of it (off: sending is switched off); then one row for each event whose first attempts the daemon has in hand. A page ends before an event with a filter that takes too long: the first row then has that event and endpoint, and where nothing is before it nothing is claimed (slow). unjudged_endpoints, unjudged_events: whose filters are not applied to which event (null: to any), the delivery being discarded for that; null for the former: no filters at all.';

create function postrider.claim_deliveries(
  daemon_id uuid,
  after_endpoint uuid,
  endpoints_max integer,
  deliveries_max integer,
  share_max integer,
  known_endpoints uuid[],
  known_rooms integer[],
  lease_margin_ms integer,
  payload_bytes_max integer
) returns table (
  event_id uuid,
  endpoint_id uuid,
  attempts integer,
  attempts_before integer,
  event_type text,
  created_at text,
  payload text,
  revision bigint,
  lease_ms integer,
  next_due_ms bigint
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Walks the endpoints that have pending deliveries, one index probe each, and takes a few due ones of each: an endpoint
-- with millions waiting costs the others nothing. A step over an endpoint that is paused, busy or not due is one probe,
-- whatever waits behind it. One call walks a part of the way; the caller goes on until the end of it.
declare
  place uuid := coalesce(after_endpoint, '00000000-0000-0000-0000-000000000000');
  discards_max constant integer := 1000;
  first record;
  target record;
  taken integer := 0;
  discarded integer := 0;
  share integer;
  step_count integer;
  next_due timestamptz;
  at_end boolean := false;
begin
  if not postrider.require_home() then
    return query select null::uuid, null::uuid, null::integer, null::integer, null::text, null::text, null::text, null::bigint,
      null::integer, null::bigint;
    return;
  end if;
  if exists (select from postrider.cancellation) then
    perform postrider.finish_cancellations();
  end if;
  for step in 1 .. endpoints_max loop
    exit when taken >= deliveries_max or discarded >= discards_max;
    select d.endpoint_id, d.next_attempt_at into first
    from postrider.delivery d
    where d.state = 'pending' and d.endpoint_id > place
    order by d.endpoint_id, d.next_attempt_at
    limit 1;
    at_end := not found;
    exit when at_end;
    place := first.endpoint_id;

    select e.state, e.revision, e.timeout_ms + lease_margin_ms as lease_ms into target
    from postrider.endpoint e
    where e.id = place;
    if not found or target.state = 'disabled' then
      -- what came in while the endpoint went: a first attempt that failed, a fan-out; see postrider.endpoint_changed
      step_count := postrider.discard_deliveries(place, postrider.discard_reason(target.state), discards_max);
      discarded := discarded + step_count;
      if step_count > 0 then
        next_due := now();
      end if;
      continue;
    end if;
    share := least(coalesce(known_rooms[array_position(known_endpoints, place)], share_max), deliveries_max - taken);
    continue when target.state = 'paused';
    if first.next_attempt_at > now() then
      next_due := least(next_due, first.next_attempt_at);
      continue;
    elsif share = 0 then
      -- the daemon walks again when a slot comes free; this is for the case that none does
      next_due := least(next_due, now() + interval '250 ms');
      continue;
    end if;

    return query
      with due as (
        select d.event_id, d.endpoint_id
        from postrider.delivery d
        where d.endpoint_id = place and d.state = 'pending' and d.next_attempt_at <= now()
          -- cancelled since the look at the beginning
          and not exists (
            select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
        order by d.next_attempt_at
        limit share
        for update skip locked
      ), leased as (
        update postrider.delivery d
        set leased_by = claim_deliveries.daemon_id,
            lease_expires_at = now() + target.lease_ms * interval '1 ms',
            next_attempt_at = now() + target.lease_ms * interval '1 ms'
        from due
        where d.event_id between due.event_id and due.event_id and d.endpoint_id = due.endpoint_id
        returning d.event_id, d.endpoint_id, d.attempts, d.attempts_before
      )
      select l.event_id, l.endpoint_id, l.attempts, l.attempts_before, o.event_type,
             to_char(o.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), o.payload,
             target.revision, target.lease_ms, null::bigint
      from leased l
      left join lateral (
        select i.event_type, i.created_at, postrider.small_payload(i.payload, payload_bytes_max) as payload
        from postrider.outbox i
        where i.id = l.event_id
        offset 0) o on true;
    get diagnostics step_count = row_count;
    taken := taken + step_count;
    -- more of this endpoint may be due: come back to it in the next walk
    if step_count > 0 then
      next_due := now();
    end if;
  end loop;
  -- The last row: where to go on, null at the end of the way, and in how many milliseconds something is due of what was
  -- seen. Bounded, for deliver_at may be infinity; null where nothing waits.
  return query select null::uuid, case when not at_end then place end, null::integer, null::integer, null::text, null::text,
    null::text, null::bigint, null::integer,
    case when next_due is not null
      then greatest(0, extract(epoch from least(next_due, now() + interval '1 day') - now()) * 1000)::bigint end;
end
$$;
comment on function postrider.claim_deliveries(uuid, uuid, integer, integer, integer, uuid[], integer[], integer, integer) is
  'Leases due deliveries to a daemon, a few of each endpoint. The last row says where to go on, null after the last endpoint, and when more is due.';

create function postrider.discard_deliveries(endpoint_id uuid, reason text, deliveries_max integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  discarded_count integer;
begin
  with waiting as (
    select d.event_id, d.endpoint_id
    from postrider.delivery d
    where d.endpoint_id = discard_deliveries.endpoint_id and d.state = 'pending'
      -- an attempt under way is left to its end: whoever records it finds the endpoint gone
      and (d.lease_expires_at is null or d.lease_expires_at <= now())
    order by d.next_attempt_at
    limit deliveries_max
    for update skip locked
  )
  update postrider.delivery d
  set state = 'discarded', reason = discard_deliveries.reason, finished_at = now(),
      next_attempt_at = null, leased_by = null, lease_expires_at = null
  from waiting
  where d.event_id between waiting.event_id and waiting.event_id and d.endpoint_id = waiting.endpoint_id;
  get diagnostics discarded_count = row_count;
  return discarded_count;
end
$$;
comment on function postrider.discard_deliveries(uuid, text, integer) is
  'Discards up to so many pending deliveries of an endpoint; returns how many. Attempts under way are left alone.';

create function postrider.finish_cancellations() returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- A cancel that found its delivery in hand and was not seen by the record of it, the two having crossed, finds it
-- pending here, before it could be leased again. Nothing is waited for: whoever has a row locked deals with it.
begin
  with cancelled as (
    select c.event_id, c.endpoint_id, c.reason
    from postrider.cancellation c
    join postrider.delivery d on d.event_id = c.event_id and d.endpoint_id = c.endpoint_id
    where d.state = 'pending' and (d.lease_expires_at is null or d.lease_expires_at <= now())
    order by c.event_id, c.endpoint_id
    for update of c, d skip locked
  )
  update postrider.delivery d
  set state = 'discarded', reason = cancelled.reason, finished_at = now(),
      next_attempt_at = null, leased_by = null, lease_expires_at = null
  from cancelled
  where d.event_id = cancelled.event_id and d.endpoint_id = cancelled.endpoint_id;
  with ended as (
    select c.event_id, c.endpoint_id
    from postrider.cancellation c
    left join postrider.delivery d on d.event_id = c.event_id and d.endpoint_id = c.endpoint_id
    where case when d.event_id is not null then d.state <> 'pending'
               else not exists (select from postrider.claim h where c.event_id = any (h.event_ids)) end
    order by c.event_id, c.endpoint_id
    for update of c skip locked
  )
  delete from postrider.cancellation c
  using ended
  where c.event_id = ended.event_id and c.endpoint_id = ended.endpoint_id;
end
$$;
comment on function postrider.finish_cancellations() is
  'Discards what was cancelled while a daemon had it in hand and is in nobody''s hand any more, and forgets cancels whose delivery has come to its end.';

create function postrider.is_recorded(event_ids uuid[], endpoint_ids uuid[]) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return not exists (
    select from unnest(is_recorded.event_ids, is_recorded.endpoint_ids) p (event_id, endpoint_id)
    where not exists (
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
      offset 0));
end
$$;
comment on function postrider.is_recorded(uuid[], uuid[]) is
  'Whether each of these pairs has its delivery, so that the claim that held them may go.';

create function postrider.note_health(
  event_ids uuid[],
  endpoint_ids uuid[],
  attempt_ids uuid[],
  started_ms double precision[],
  durations_ms integer[],
  http_statuses smallint[],
  failure_kinds text[],
  errors text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- A failure counts against the endpoint where it is one of the schedule that its event began: one of a delivery that was
-- sent again by hand (attempts_before is above 0) does not, since it was the operator who chose the moment. A success
-- counts always. Flushes of several daemons lock the rows in the order of the endpoints' ids, those that are there first
-- and then the new ones, so that they cannot deadlock; operators do not lock them at all. The times are of the record.
begin
  perform from postrider.endpoint_failure f
  where f.endpoint_id = any (note_health.endpoint_ids)
  order by f.endpoint_id
  for update;

  with attempted as (
    select r.endpoint_id, r.failure_kind, r.http_status, r.error, r.started_ms + r.duration_ms as ended_ms
    from unnest(event_ids, endpoint_ids, attempt_ids, started_ms, durations_ms, http_statuses, failure_kinds, errors)
      r (event_id, endpoint_id, attempt_id, started_ms, duration_ms, http_status, failure_kind, error)
    where r.attempt_id is not null
      and (r.failure_kind is null or not exists (
        select from postrider.delivery d
        where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id and (d.attempts_before > 0 or d.replay_id is not null)))
  ), success as (
    select a.endpoint_id, max(a.ended_ms) as ended_ms from attempted a where a.failure_kind is null group by a.endpoint_id
  ), failure as (
    select a.endpoint_id, count(*) filter (where s.ended_ms is null or a.ended_ms > s.ended_ms) as in_a_row,
           count(s.ended_ms) > 0 as has_success,
           (array_agg(a.failure_kind order by a.ended_ms desc))[1] as failure_kind,
           (array_agg(a.http_status order by a.ended_ms desc))[1] as http_status,
           (array_agg(a.error order by a.ended_ms desc))[1] as error
    from attempted a
    left join success s on s.endpoint_id = a.endpoint_id
    where a.failure_kind is not null
    group by a.endpoint_id
  ), recovered as (
    update postrider.endpoint_failure f
    set consecutive_failures = 0, failing_since = null, recovered_at = now()
    from success s
    where f.endpoint_id = s.endpoint_id and f.consecutive_failures > 0
      and not exists (select from failure n where n.endpoint_id = s.endpoint_id)
  )
  insert into postrider.endpoint_failure as f (
    endpoint_id, consecutive_failures, failing_since, last_failure_at, last_failure_kind, last_http_status, last_error,
    recovered_at)
  select n.endpoint_id, n.in_a_row, case when n.in_a_row > 0 then now() end, now(), n.failure_kind, n.http_status, n.error,
         case when n.has_success then now() end
  from failure n
  where exists (select from postrider.endpoint e where e.id = n.endpoint_id)
  order by n.endpoint_id
  on conflict (endpoint_id) do update
  set consecutive_failures =
        excluded.consecutive_failures + case when excluded.recovered_at is null then f.consecutive_failures else 0 end,
      failing_since = case when excluded.recovered_at is null then coalesce(f.failing_since, excluded.failing_since)
                           else excluded.failing_since end,
      last_failure_at = excluded.last_failure_at,
      last_failure_kind = excluded.last_failure_kind,
      last_http_status = excluded.last_http_status,
      last_error = excluded.last_error,
      recovered_at = coalesce(excluded.recovered_at, f.recovered_at);

  -- One that an operator is about to change is not waited for: the next failure disables it.
  perform postrider.set_endpoint_state(e.id, 'disabled', e.reason, 'disable_endpoint')
  from (
    select n.id,
           format('nothing but failures since %s: %s of them, the last one: %s',
                  to_char(f.failing_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), f.consecutive_failures, f.last_error) as reason
    from postrider.endpoint n
    join postrider.endpoint_failure f on f.endpoint_id = n.id
    where n.id = any (note_health.endpoint_ids) and n.state = 'active' and f.consecutive_failures > 0
      -- an endpoint that was resumed or enabled has all its time again
      and greatest(f.failing_since, n.state_changed_at) + n.disable_after <= now()
      and f.last_failure_at = now()
    for update of n skip locked) e;
end
$$;
comment on function postrider.note_health(uuid[], uuid[], uuid[], double precision[], integer[], smallint[], text[], text[]) is
  'Keeps postrider.endpoint_failure: what these attempts say about their endpoints. Disables those that have had nothing but failures for longer than their disable_after.';

create function postrider.record_results(
  daemon_id uuid,
  is_first boolean,
  is_repeat boolean,
  event_ids uuid[],
  endpoint_ids uuid[],
  claim_ids bigint[],
  attempts_before_now integer[],
  attempt_ids uuid[],
  started_ms double precision[],
  durations_ms integer[],
  http_statuses smallint[],
  failure_kinds text[],
  errors text[],
  response_headers json[],
  response_bodies text[],
  states text[],
  waits_ms bigint[],
  reasons text[],
  finished_claims bigint[],
  gone_endpoints uuid[],
  out kept_claims bigint[],
  out locked integer[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Facts are always accepted: an attempt happened, so its row goes in, once. Decisions are fenced: the state of a first
-- delivery is decided by the daemon that holds its claim, and by whoever writes the row first; the state of a leased one
-- by the owner of the lease, for the attempt it was leased for.
--
-- The arrays are columns, one element a result; one that is null is null throughout. Arrays cost Postgres 3 us a result
-- where a JSON document costs 7 to 8. attempt_ids: null where no request was made; attempts_before_now: how many were
-- made before; started_ms: Unix time; states: succeeded, pending (again in waits_ms), exhausted or discarded (reasons).
-- Results come sorted by event and endpoint, so that two daemons that record the same deliveries cannot deadlock.
--
-- is_repeat: rows that are there already are left out. It is asked for where they may be: after an answer that was lost,
-- or after unique_violation told so. `on conflict` would do it every time, for 90 bytes of WAL and 3 us a result.
declare
  held_claims bigint[];
  new_attempts uuid[] := attempt_ids;
begin
  -- A crash of Postgres can take back the records of its last second; those deliveries are repeated, none is lost.
  perform set_config('synchronous_commit', 'off', true);

  if is_repeat then
    new_attempts := array(
      select case when not exists (
        select from postrider.attempt a
        where a.event_id = r.event_id and a.endpoint_id = r.endpoint_id and a.id = r.attempt_id
        offset 0) then r.attempt_id end
      from unnest(event_ids, endpoint_ids, attempt_ids) with ordinality r (event_id, endpoint_id, attempt_id, n)
      order by r.n);
  end if;
  insert into postrider.attempt (
    event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error,
    response_headers, response_body)
  select r.event_id, r.endpoint_id, r.attempt_id, record_results.daemon_id, to_timestamp(r.started_ms / 1000),
         r.attempts + 1, r.duration_ms, r.http_status, r.failure_kind, r.error, r.headers, r.body
  from unnest(event_ids, endpoint_ids, new_attempts, attempts_before_now, started_ms, durations_ms, http_statuses,
              failure_kinds, errors, response_headers, response_bodies)
    r (event_id, endpoint_id, attempt_id, attempts, started_ms, duration_ms, http_status, failure_kind, error, headers, body)
  where r.attempt_id is not null;

  -- What would wait, and was cancelled meanwhile, or is for an endpoint that is disabled or deleted by now, is discarded.
  if 'pending' = any (states) then
    select array_agg(case when r.state <> 'pending' or (c.reason is null and e.state <> 'disabled') then r.state
                          else 'discarded' end order by r.n),
           array_agg(case when r.state <> 'pending' or (c.reason is null and e.state <> 'disabled') then r.reason
                          else coalesce(c.reason, postrider.discard_reason(e.state)) end order by r.n)
    into states, reasons
    from unnest(event_ids, endpoint_ids, states, reasons) with ordinality r (event_id, endpoint_id, state, reason, n)
    left join postrider.endpoint e on e.id = r.endpoint_id
    left join postrider.cancellation c on c.event_id = r.event_id and c.endpoint_id = r.endpoint_id;
  end if;

  if is_first then
    -- locked, so that nobody takes the claim over before these rows can be seen
    held_claims := array(
      select c.id from postrider.claim c
      where c.id in (select distinct u from unnest(claim_ids) u) and c.daemon_id = record_results.daemon_id
      order by c.id
      for share);
    insert into postrider.delivery (event_id, endpoint_id, finished_at, next_attempt_at, attempts, state, reason)
    select r.event_id, r.endpoint_id,
           case when r.state <> 'pending' then clock_timestamp() end,
           case when r.state = 'pending' then clock_timestamp() + r.wait_ms * interval '1 ms' end,
           r.attempts + (r.attempt_id is not null)::integer, r.state, r.reason
    from unnest(event_ids, endpoint_ids, claim_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons)
      r (event_id, endpoint_id, claim_id, attempt_id, attempts, state, wait_ms, reason)
    where r.claim_id = any (held_claims)
      and (not is_repeat or not exists (
        select from postrider.delivery d where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        offset 0));
  else
    -- A row that somebody else has locked, an operator in an open transaction, is not waited for: every other result
    -- would wait with it. Its result is told to be left.
    -- That it is pending is not asked for: only what is pending is leased, and with the question delivery_due could be
    -- taken for the look-up; then every delivery that waits was read for each flush (58,000 pages for 50 results).
    with held as (
      select d.event_id, d.endpoint_id, r.n, r.attempt_id, r.attempts, r.state, r.wait_ms, r.reason
      from unnest(event_ids, endpoint_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons) with ordinality
        r (event_id, endpoint_id, attempt_id, attempts, state, wait_ms, reason, n)
      cross join lateral (
        select l.event_id, l.endpoint_id
        from postrider.delivery l
        where l.event_id = r.event_id and l.endpoint_id = r.endpoint_id
          and l.leased_by = record_results.daemon_id and l.attempts = r.attempts
        for update skip locked) d
    ), decided as (
      update postrider.delivery d
      set attempts = h.attempts + (h.attempt_id is not null)::integer,
          state = h.state,
          finished_at = case when h.state <> 'pending' then clock_timestamp() end,
          next_attempt_at = case when h.state = 'pending' then clock_timestamp() + h.wait_ms * interval '1 ms' end,
          leased_by = null,
          lease_expires_at = null,
          reason = h.reason
      from held h
      where d.event_id between h.event_id and h.event_id and d.endpoint_id = h.endpoint_id
    )
    select array_agg(r.n::integer) into locked
    from unnest(event_ids, endpoint_ids, attempts_before_now) with ordinality r (event_id, endpoint_id, attempts, n)
    -- in this order: what was held needs no second look
    where case when r.n not in (select h.n from held h) then exists (
      select from postrider.delivery d
      where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        and d.leased_by = record_results.daemon_id and d.attempts = r.attempts
      offset 0) end;
  end if;

  -- Health last, so that no other flush waits for these rows longer than it takes. A success is looked at only where
  -- failures came before it: one probe for each endpoint of the flush, of a table that most endpoints are never in.
  if cardinality(array_remove(failure_kinds, null)) > 0
    or exists (select from postrider.endpoint_failure f where f.endpoint_id = any (endpoint_ids) and f.consecutive_failures > 0)
  then
    perform postrider.note_health(
      event_ids, endpoint_ids, new_attempts, started_ms, durations_ms, http_statuses, failure_kinds, errors);
  end if;

  if cardinality(gone_endpoints) > 0 then
    -- one that an operator is about to change is not waited for: the next 410 disables it
    perform postrider.set_endpoint_state(e.id, 'disabled', 'the receiver answered 410 Gone', 'disable_endpoint')
    from (
      select n.id from postrider.endpoint n
      where n.id = any (gone_endpoints) and n.state <> 'disabled'
      for update skip locked) e;
  end if;

  if cardinality(finished_claims) > 0 then
    -- The newest row is the cursor and stays, until the next claim has made a newer one. And a claim goes only when each
    -- of its pairs has its row: a crash of Postgres may have taken back what an earlier flush recorded, and what is then
    -- neither returned nor taken away is one that its daemon does not know of, and adopts.
    delete from postrider.claim c
    where c.id = any (finished_claims) and c.daemon_id = record_results.daemon_id
      and case when c.id < (select n.id from postrider.claim n order by n.id desc limit 1)
            then postrider.is_recorded(c.event_ids, c.endpoint_ids) end;
    kept_claims := array(
      select c.id from postrider.claim c
      where c.id = any (finished_claims) and c.daemon_id = record_results.daemon_id
        and postrider.is_recorded(c.event_ids, c.endpoint_ids));
  end if;
end
$$;
comment on function postrider.record_results(
  uuid, boolean, boolean, uuid[], uuid[], bigint[], integer[], uuid[], double precision[], integer[], smallint[], text[], text[],
  json[], text[], text[], bigint[], text[], bigint[], uuid[]) is
  'Records what a daemon''s attempts came to, in one transaction for many: first attempts from memory, or leased deliveries. Takes away claims that are finished. kept_claims: those of them that must stay for now; locked: which results, from 1, are still to be decided.';

create function postrider.discard_reason(endpoint_state text) returns text
language sql immutable parallel safe
return case when endpoint_state is null then 'the endpoint was deleted' else 'the endpoint is disabled' end;
comment on function postrider.discard_reason(text) is 'Why a delivery of an endpoint in this state (null: deleted) is discarded.';

create function postrider.take_over_claim(
  daemon_id uuid,
  known_claims bigint[],
  payload_bytes_max integer
) returns table (
  claim_id bigint,
  former_daemon_id uuid,
  event_id uuid,
  event_type text,
  created_at text,
  payload text,
  endpoint_ids text,
  endpoint_id uuid,
  revision bigint
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- A claim is taken over when its daemon has not beaten within its lease, and adopted when it is the caller's own but
-- not in its memory (the answer to the commit of the claim was lost). What it has recorded already is left out.
declare
  found_claim record;
  express_events uuid[];
  express_endpoints uuid[];
begin
  if not postrider.require_home() then
    return;
  end if;
  loop
    select c.id, c.daemon_id, c.event_ids, c.endpoint_ids into found_claim
    from postrider.claim c
    where cardinality(c.event_ids) > 0
      and c.id <> all (known_claims)
      and (c.daemon_id = take_over_claim.daemon_id
        or not exists (select from postrider.daemon d where d.id = c.daemon_id and d.lease_expires_at > now()))
    order by c.id
    limit 1
    for update skip locked;
    if not found then
      return;
    end if;

    insert into postrider.delivery (event_id, endpoint_id, state, next_attempt_at, finished_at, reason)
    select p.event_id, p.endpoint_id,
           case when waits then 'pending' else 'discarded' end,
           case when waits then now() end,
           case when waits then null else now() end,
           case when not waits then coalesce(c.reason, postrider.discard_reason(e.state)) end
    from unnest(found_claim.event_ids, found_claim.endpoint_ids) p (event_id, endpoint_id)
    left join postrider.endpoint e on e.id = p.endpoint_id
    left join postrider.cancellation c on c.event_id = p.event_id and c.endpoint_id = p.endpoint_id
    cross join lateral (select c.reason is null and e.state is not distinct from 'paused') w (waits)
    where e.state is distinct from 'active' or c.reason is not null
    on conflict do nothing;

    select array_agg(p.event_id order by p.n), array_agg(p.endpoint_id order by p.n)
    into express_events, express_endpoints
    from unnest(found_claim.event_ids, found_claim.endpoint_ids) with ordinality p (event_id, endpoint_id, n)
    where not exists (
      select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
      offset 0);

    if express_events is not null then
      update postrider.claim c
      set daemon_id = take_over_claim.daemon_id, event_ids = express_events, endpoint_ids = express_endpoints, xid = default
      where c.id = found_claim.id;
      exit;
    end if;
    -- all of it is recorded: the claim goes, or loses its pairs if it is the cursor
    delete from postrider.claim c
    where c.id = found_claim.id and c.id < (select n.id from postrider.claim n order by n.id desc limit 1);
    if not found then
      update postrider.claim c set event_ids = '{}', endpoint_ids = '{}', xid = default where c.id = found_claim.id;
    end if;
  end loop;

  return query
    select found_claim.id, found_claim.daemon_id, null::uuid, null::text, null::text, null::text, null::text, e.id, e.revision
    from postrider.endpoint e
    where e.id in (select u from unnest(express_endpoints) u);
  return query
    select found_claim.id, found_claim.daemon_id, p.event_id, o.event_type,
           to_char(o.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           o.payload, p.endpoint_ids, null::uuid, null::bigint
    from (
      select u.event_id, string_agg(u.endpoint_id::text, ',') as endpoint_ids, min(u.n) as n
      from unnest(express_events, express_endpoints) with ordinality u (event_id, endpoint_id, n)
      group by u.event_id) p
    left join lateral (
      select i.event_type, i.created_at, postrider.small_payload(i.payload, payload_bytes_max) as payload
      from postrider.outbox i
      where i.id = p.event_id
      offset 0) o on true
    order by p.n;
end
$$;
comment on function postrider.take_over_claim(uuid, bigint[], integer) is
  'Takes over one claim of a daemon that is gone, or adopts one of the caller''s own that it does not know of; no rows where there is none.';

create function postrider.empty_claims(daemon_id uuid, claims bigint[]) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  -- one that is the cursor no longer goes: nobody would look at it again
  delete from postrider.claim c
  where c.id = any (empty_claims.claims) and c.daemon_id = empty_claims.daemon_id
    and c.id < (select max(n.id) from postrider.claim n)
    and postrider.is_recorded(c.event_ids, c.endpoint_ids);
  update postrider.claim set event_ids = '{}', endpoint_ids = '{}', xid = default
  where id = any (empty_claims.claims) and daemon_id = empty_claims.daemon_id
    and postrider.is_recorded(event_ids, endpoint_ids);
end;
comment on function postrider.empty_claims(uuid, bigint[]) is
  'Takes the pairs out of claims that are finished and must stay, being the cursor.';

create function postrider.beat(
  daemon_id uuid, host text, pid integer, version text, lease_ms integer, in_flight integer, waiting integer,
  condition text default 'well', condition_ms integer default null, condition_reason text default null,
  is_renewal boolean default false
) returns boolean
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  select postrider.require_home();
  -- rows of daemons that died are kept for a day, for whoever wonders
  delete from postrider.daemon where lease_expires_at < now() - interval '1 day';
  -- A lease that has run out here is not renewed, though the daemon's own clock may believe in it (this one was set, or the
  -- daemon's machine stood still): what it had claimed may belong to somebody else by now.
  with renewed as (
    update postrider.daemon d
    set beat_at = clock_timestamp(), lease_expires_at = clock_timestamp() + beat.lease_ms * interval '1 ms',
        in_flight = beat.in_flight, waiting = beat.waiting, condition = beat.condition,
        condition_since = clock_timestamp() - beat.condition_ms * interval '1 ms', condition_reason = beat.condition_reason
    where beat.is_renewal and d.id = beat.daemon_id and d.lease_expires_at > clock_timestamp()
    returning d.id
  ), entered as (
    insert into postrider.daemon as d (
      id, host, pid, version, beat_at, lease_expires_at, in_flight, waiting, condition, condition_since, condition_reason)
    select beat.daemon_id, beat.host, beat.pid, beat.version, clock_timestamp(),
           clock_timestamp() + beat.lease_ms * interval '1 ms', beat.in_flight, beat.waiting,
           beat.condition, clock_timestamp() - beat.condition_ms * interval '1 ms', beat.condition_reason
    where not beat.is_renewal
    on conflict (id) do update -- the answer to the first beat was lost
    set beat_at = excluded.beat_at, lease_expires_at = excluded.lease_expires_at,
        in_flight = excluded.in_flight, waiting = excluded.waiting, condition = excluded.condition,
        condition_since = excluded.condition_since, condition_reason = excluded.condition_reason
    returning d.id
  )
  select exists (select from renewed) or exists (select from entered);
end;
comment on function postrider.beat(uuid, text, integer, text, integer, integer, integer, text, integer, text, boolean) is
  'A daemon''s heartbeat: renews its lease on everything it has claimed, and says in what condition it is, for how long and why. False where the lease has run out: is_renewal says that the daemon believes to have one.';

create function postrider.leave(daemon_id uuid) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  delete from postrider.daemon where id = leave.daemon_id;
end;
comment on function postrider.leave(uuid) is 'A clean stop: whatever the daemon still had in hand may be taken over at once.';

-- Retention -------------------------------------------------------------------------------------------------------
--
-- What is past its retention goes by days: an event, its deliveries and its attempts lie in partitions of the same
-- bounds. A day is first emptied by truncate, which locks its own partitions and nothing else, and dropped after that:
-- dropping locks the parent, for which every transaction that has inserted an event is in the way. No lock is waited for
-- longer than 50 ms, since inserts queue behind the one who waits (without that limit an insert waited 2.2 s behind one
-- open writer), and an emptied partition does no harm in the meantime.

create function postrider.is_needed(lower_bound uuid, upper_bound uuid) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  base pg_snapshot;
begin
  select c.base into strict base from postrider.claim c order by c.id desc limit 1;
  -- Each is a look at an index in its own order, of which the first entry settles it.
  perform from postrider.outbox o
  where o.xid >= pg_snapshot_xmin(base) and not pg_visible_in_snapshot(o.xid, base) and o.id >= lower_bound and o.id < upper_bound
  order by o.xid, o.seq
  limit 1;
  if found then
    return true;
  end if;
  perform from postrider.delivery d
  where d.finished_at is null and d.event_id >= lower_bound and d.event_id < upper_bound
  order by d.endpoint_id, d.event_id
  limit 1;
  return found
    -- also one that is recorded and not taken away yet: whoever looks at it next looks for the deliveries of its pairs
    or exists (
      select from postrider.claim c, unnest(c.event_ids) e (id)
      where e.id >= lower_bound and e.id < upper_bound)
    or exists (
      select from postrider.replay r
      where r.state = 'preparing' and r.after_event < upper_bound and postrider.replay_end(r.until) > lower_bound);
end
$$;
comment on function postrider.is_needed(uuid, uuid) is
  'Whether an event with an id from the one to below the other is not claimed yet, in a daemon''s hand, undelivered, or to be replayed.';

create function postrider.drop_days(before date) returns table (outcome text, subject text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
  keys_max constant integer := 5000;
  past record;
  lower_bound uuid;
  upper_bound uuid;
  part text;
  has_rows boolean;
  deleted bigint;
  is_busy boolean := false;
  is_blocked boolean := false;
begin
  for past in
    -- kept as text until the default partitions are out
    select to_date(d.day, 'YYYYMMDD') as day, array_agg(d.name order by d.n) as parts, array_agg(d.parent order by d.n) as parents
    from (
      select c.relname as name, p.name as parent, p.n, right(c.relname, 8) as day
      from unnest(array['outbox', 'delivery', 'attempt']) with ordinality p (name, n)
      join pg_inherits i on i.inhparent = format('postrider.%I', p.name)::regclass
      join pg_class c on c.oid = i.inhrelid and c.relname ~ ('^' || p.name || '_[0-9]{8}$')) d
    where d.day < to_char(before, 'YYYYMMDD')
    group by d.day
    order by d.day
  loop
    begin
      subject := to_char(past.day, 'YYYY-MM-DD');
      lower_bound := postrider.uuid_v7_floor(past.day::timestamp at time zone 'UTC');
      upper_bound := postrider.uuid_v7_floor((past.day + 1)::timestamp at time zone 'UTC');
      has_rows := false;
      foreach part in array past.parts loop
        execute format('select $1 or exists (select from postrider.%I)', part) into has_rows using has_rows;
      end loop;
      if has_rows then
        continue when postrider.is_needed(lower_bound, upper_bound);
        delete from postrider.idempotency_key k
        where k.event_id in (
          select e.event_id from postrider.idempotency_key e
          where e.event_id >= lower_bound and e.event_id < upper_bound
          order by e.event_id
          limit keys_max);
        get diagnostics deleted = row_count;
        if deleted > 0 then
          outcome := 'deleted';
          subject := format('%s idempotency keys of %s', deleted, past.day);
          return next;
          return;
        end if;
        foreach part in array past.parts loop
          execute format('lock table postrider.%I in access exclusive mode', part);
        end loop;
        -- Nobody has anything in these that is not committed, and what was committed is seen from here on.
        if postrider.is_needed(lower_bound, upper_bound) then
          raise lock_not_available;
        end if;
        foreach part in array past.parts loop
          execute format('truncate postrider.%I', part);
        end loop;
        delete from postrider.cancellation c where c.event_id >= lower_bound and c.event_id < upper_bound;
        insert into postrider.audit (action, detail) values ('maintain', jsonb_build_object('emptied', past.day));
        outcome := 'emptied';
      elsif is_blocked then
        continue;
      else
        subject := past.parts[1];
        execute format('lock table only postrider.%I in access exclusive mode', past.parents[1]);
        execute format('lock table postrider.%I in access exclusive mode', subject);
        execute format('select exists (select from postrider.%I)', subject) into has_rows;
        if has_rows then
          raise lock_not_available;
        end if;
        execute format('drop table postrider.%I', subject);
        outcome := 'dropped';
      end if;
      return next;
      return;
    exception
      when lock_not_available then
        is_busy := true;
        -- another try at a parent would hold up the inserts once more
        is_blocked := is_blocked or not has_rows;
    end;
  end loop;
  if is_busy then
    outcome := 'busy';
    return next;
  end if;
end
$$;
comment on function postrider.drop_days(date) is
  'Takes one step towards the end of the days before that one, in UTC, in which nothing is needed any more: deleted, some of their idempotency keys; emptied, a day; dropped, a partition of an empty one; busy, somebody holds a lock.';

create function postrider.move_strays(since date) returns table (outcome text, subject text)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set enable_seqscan = off
as $$
-- A day that was made too late is in the default partition; once it is past, and so gets no more inserts, it moves to a
-- partition of its own, to go whole one day. In one transaction, which keeps readers out meanwhile: so only where that takes
-- milliseconds. What is more stays where it is, and goes row by row in the end.
declare
  -- 2,000 small events: 70 to 100 ms on two busy cores
  net_bytes_max constant bigint := 262144;
  lower_bound uuid;
  -- An insert of the day's last moment that waited while its day moved would fail.
  grace constant interval := '1 hour';
  upper_bound constant uuid := postrider.uuid_v7_floor(date_trunc('day', now() - grace, 'UTC'));
  parent text;
  net text;
  key text;
  stray uuid;
  day date;
begin
  foreach parent in array array['outbox', 'delivery', 'attempt'] loop
    net := parent || '_default';
    key := case parent when 'outbox' then 'id' else 'event_id' end;
    continue when pg_table_size(format('postrider.%I', net)::regclass) > net_bytes_max;
    lower_bound := postrider.uuid_v7_floor(since::timestamp at time zone 'UTC');
    loop
      execute format('select n.%I from postrider.%I n where n.%I >= $1 and n.%I < $2 order by n.%I limit 1', key, net, key, key, key)
        into stray using lower_bound, upper_bound;
      exit when stray is null;
      -- as if it were of version 7, which nothing makes it be
      day := (postrider.uuid_v7_time(overlay(stray::text placing '7' from 15)::uuid) at time zone 'UTC')::date;
      subject := parent || '_' || to_char(day, 'YYYYMMDD');
      if to_regclass(format('postrider.%I', subject)) is null then
        -- Subscribers would hear of the delete in the parent, and of the insert in a table that they may not have.
        exit when exists (
          select from pg_publication_tables p where p.schemaname = 'postrider' and p.tablename in (parent, net));
        outcome := 'moved';
        perform postrider.attach_partition(parent, day, with_strays => true);
        return next;
        return;
      end if;
      -- Somebody has detached that day, to keep it.
      lower_bound := postrider.uuid_v7_floor((day + 1)::timestamp at time zone 'UTC');
    end loop;
  end loop;
exception
  when lock_not_available then
    outcome := 'busy';
    return next;
end
$$;
comment on function postrider.move_strays(date) is
  'Takes one step of moving the rows of past days, from that day on, in UTC, from the default partitions into partitions of their own, where there are few, and says which was made.';

create function postrider.delete_strays(before date) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
set enable_seqscan = off
as $$
-- Of the default partitions only rows that nobody needs any more are deleted, so many a step: there is no end to what
-- may be in them.
declare
  rows_max constant integer := 1000;
  bound constant uuid := postrider.uuid_v7_floor(before::timestamp at time zone 'UTC');
  -- Ids that somebody made up lie anywhere; those that begin a time to come have the day of their insertion.
  ahead constant uuid := postrider.uuid_v7_floor(now() + interval '1 day');
  base pg_snapshot;
  ids uuid[];
  deleted bigint := 0;
  count bigint;
begin
  if exists (select from postrider.replay r where r.state = 'preparing') then
    return 0; -- it may be on its way to these
  end if;
  select c.base into strict base from postrider.claim c order by c.id desc limit 1;
  ids := array(
    select o.id
    from postrider.outbox_default o
    where (o.id < bound or o.id >= ahead and o.created_at < before::timestamp at time zone 'UTC')
      and pg_visible_in_snapshot(o.xid, base)
      and not exists (select from postrider.delivery d where d.event_id = o.id and d.finished_at is null)
      and not exists (select from postrider.claim c where o.id = any (c.event_ids))
    order by o.id
    limit rows_max
    for update of o skip locked);
  if cardinality(ids) > 0 then
    delete from postrider.idempotency_key k where k.event_id = any (ids);
    delete from postrider.cancellation c where c.event_id = any (ids);
    delete from postrider.attempt a
    where a.event_id = any (ids) and a.event_id between ids[1] and ids[cardinality(ids)];
    delete from postrider.delivery d
    where d.event_id = any (ids) and d.event_id between ids[1] and ids[cardinality(ids)] and d.finished_at is not null;
    delete from postrider.outbox_default o
    where o.id = any (ids) and not exists (select from postrider.delivery d where d.event_id = o.id);
    get diagnostics deleted = row_count;
  end if;

  -- of events that are gone: what a daemon recorded after their end, or of a day that was whole in the outbox alone
  delete from postrider.delivery_default d
  where (d.event_id, d.endpoint_id) in (
    select e.event_id, e.endpoint_id
    from postrider.delivery_default e
    where (e.event_id < bound or e.event_id >= ahead and e.created_at < before::timestamp at time zone 'UTC')
      and e.finished_at is not null
      and not exists (select from postrider.outbox o where o.id = e.event_id)
      and not exists (select from postrider.claim c where e.event_id = any (c.event_ids))
    order by e.event_id, e.endpoint_id
    limit rows_max)
    and d.finished_at is not null;
  get diagnostics count = row_count;
  deleted := deleted + count;
  delete from postrider.attempt_default a
  where (a.event_id, a.endpoint_id, a.id) in (
    select e.event_id, e.endpoint_id, e.id
    from postrider.attempt_default e
    where (e.event_id < bound or e.event_id >= ahead and e.started_at < before::timestamp at time zone 'UTC')
      and not exists (select from postrider.outbox o where o.id = e.event_id)
      and not exists (select from postrider.delivery d where d.event_id = e.event_id and d.endpoint_id = e.endpoint_id)
    order by e.event_id, e.endpoint_id, e.id
    limit rows_max);
  get diagnostics count = row_count;
  return deleted + count;
end
$$;
comment on function postrider.delete_strays(date) is
  'Deletes some of the rows of the default partitions that are of days before that one, in UTC, and that nobody needs any more; returns how many.';

create function postrider.delete_records(before timestamptz) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  rows_max constant integer := 1000;
  -- who did what is asked long after what it was done to is gone
  audit_kept constant interval := '1 year';
  deleted bigint;
  count bigint;
begin
  delete from postrider.audit a
  where a.id in (
    select o.id from postrider.audit o
    where o.id < postrider.uuid_v7_floor(least(delete_records.before, now() - audit_kept))
    order by o.id
    limit rows_max);
  get diagnostics deleted = row_count;
  delete from postrider.replay r
  where r.id in (
    select o.id from postrider.replay o
    where o.finished_at < delete_records.before
    order by o.id
    limit rows_max);
  get diagnostics count = row_count;
  return deleted + count;
end
$$;
comment on function postrider.delete_records(timestamptz) is
  'Deletes some replays that were finished before that time, and some rows of the audit that are as old and older than a year; returns how many.';

create function postrider.maintain(retention interval default '30 days') returns table (outcome text, subject text)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- A day that is still being delivered holds itself back; this is against a slip of the pen.
  retention_min constant interval := '1 day';
  past_day date;
  is_busy boolean := false;
  deleted bigint;
begin
  if retention is null or retention < retention_min then
    raise exception 'cannot keep events for %', coalesce(retention::text, 'null')
      using errcode = 'invalid_parameter_value', hint = 'Retention is at least one day.';
  end if;
  if not pg_try_advisory_xact_lock(1886352244, 3) then
    return;
  end if;
  perform postrider.refresh_judged_event_types();
  select m.outcome, m.partition_name into outcome, subject from postrider.make_partitions() m;
  is_busy := outcome is not distinct from 'busy';
  if outcome is not null and not is_busy then
    return next;
    return;
  end if;

  -- In a copy nobody can say what is claimed. Whoever calls this is no daemon, and may do so in a template.
  perform postrider.require_home(may_move_in => false);
  past_day := ((now() - retention) at time zone 'UTC')::date;
  select m.outcome, m.subject into outcome, subject from postrider.move_strays(past_day) m;
  is_busy := is_busy or outcome is not distinct from 'busy';
  if outcome is not null and outcome <> 'busy' then
    return next;
    return;
  end if;

  select d.outcome, d.subject into outcome, subject from postrider.drop_days(past_day) d;
  is_busy := is_busy or outcome is not distinct from 'busy';
  if outcome is not null and outcome <> 'busy' then
    return next;
    return;
  end if;

  begin
    deleted := postrider.delete_strays(past_day) + postrider.delete_records(now() - retention);
  exception
    when lock_not_available then
      is_busy := true;
  end;
  if deleted > 0 then
    outcome := 'deleted';
    subject := format('%s rows', deleted);
    return next;
  elsif is_busy then
    outcome := 'busy';
    subject := null;
    return next;
  end if;
end
$$;
comment on function postrider.maintain(interval) is
  'Takes one step of keeping the partitions, and says which: those of the days ahead are made, and what is older than the retention goes, by whole days, once nothing in them is needed any more. No row: nothing is left to do, or somebody else is at it. busy: somebody holds a lock, try again later. Daemons call it, with POSTRIDER_RETENTION; a scheduler may, once a minute or so, with the same retention.';
