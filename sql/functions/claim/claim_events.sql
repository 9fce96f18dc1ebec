-- grant: execute to daemon
--
-- Claiming in one paragraph. The newest claim row is a cursor made of snapshots: every transaction visible in `base` has
-- been claimed. New is what a fresh snapshot (`target`) sees and `base` does not: the transactions that were in progress
-- in `base` and have ended since, however late (stragglers), and those from base's xmax on. Both are ranges of the index
-- (xid, seq), so a claim costs what it finds, however deep the backlog is. An aborted transaction's rows do not exist,
-- and one that is still open stays in the next base's list of transactions in progress.
--
-- A transaction with more events than a page is put aside: the window passes it, and the cursor keeps its id and the last
-- event of it that was claimed. Each page has events of the window and events of what is aside, half of each if there are
-- enough, so a bulk does not hold up what is committed after it. It may stay aside across any number of windows.
--
-- The events of one transaction are always claimed in the order of seq, but a later transaction may overtake one that is
-- aside. So an endpoint that needs the events of a key in the order of their commits may send an event once base sees its
-- transaction and no transaction in aside_xids stands at a smaller seq. Then everything that was committed before the
-- event was inserted is claimed. The test of the window's arithmetic holds this rule.
--
-- The steps: begin_claim takes the claim lock, read_cursor finds where the last claim ended, take_window reads a page
-- (take_mixed does it while something is aside, with take_asides), cursor_behind says where the cursor is then,
-- route_page finds its endpoints, store_claim writes the result. Most pages are plain: no filters, no paused endpoints,
-- nothing due later; pair_page is enough for them. For the others judge_page applies the filters, and sort_pairs sorts the
-- pairs into those for the daemon and those for the queue.
--
-- A page is a few arrays, one a column, because a composite costs twice as much an event. Rows come from `unnest` in a
-- select list: in `from`, each array would be written to a tuplestore first.
--
-- Advisory locks of class 1886352244: 2 and 4 waking, 3 keeping partitions, 5 the list of enforced types.
--
-- The planner's settings on these functions apply to the steps that they call, too. They keep the plans what they are on
-- empty, unanalysed and very large tables: index ranges in order, never a scan of a whole partition, never a sort of a
-- whole window, planned once a session. A row that is looked up by another row's id has only one plan left: a probe of
-- the one partition that can hold it. The planner costs such a probe as one of every partition, and considers reading a
-- whole table cheaper (18,000 pages for 100 rows of forty days). So each look-up is isolated in a subquery by `offset 0`
-- or `for update`. An update says `d.event_id between u.event_id and u.event_id`, because the planner could join an
-- equality the other way round, in the order of an index. A test reads the plans.

create or replace function postrider_internal.claim_events(
  daemon_id uuid,
  events_max integer,
  aside_max integer,
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
  created_at json,
  context jsonb,
  payload json,
  endpoint_ids text,
  endpoints text,
  revisions text,
  slow_endpoint_id uuid,
  unmatched jsonb
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
  last record;
  page postrider_internal.claim_page;
  route record;
  judgement record;
  pairs record;
  is_whole boolean;
  behind record;
  places integer[];
  lists text[]; -- a variable, because an element of a record's array is found by reading all before it
begin
  event_count := 0;
  queued_count := 0;
  if not postrider_internal.begin_claim() then
    outcome := 'busy';
    return next;
    return;
  end if;
  last := postrider_internal.read_cursor();
  if not last.is_on then
    outcome := 'off';
    return next;
    return;
  end if;

  if last.aside_xids is null then
    page := postrider_internal.take_window(last.base, last.target, last.after_xid, last.after_seq, events_max, payload_bytes_max);
  end if;
  -- Something is aside, or a transaction that fills the page may have more.
  if last.aside_xids is not null or page.xids[1] = page.xids[events_max] then
    page := postrider_internal.take_mixed(
      last.base, last.target, last.after_xid, last.after_seq, last.aside_xids, last.aside_seqs,
      (last.claim_id % 2)::integer, events_max, aside_max, payload_bytes_max);
  end if;
  if page.ids is null then
    select p.outcome, p.claim_id into outcome, claim_id from postrider_internal.pass_empty_page(page, daemon_id, last.empty_claim) p;
    return next;
    return;
  end if;
  route := postrider_internal.route_page(page.event_types, page.tenants, page.has_later, fan_out_max);
  if route.is_plain then
    pairs := postrider_internal.pair_page(page.ids, route.kinds, route.ends, route.endpoint_ids, pairs_max);
    places := route.kinds[:pairs.event_count];
    lists := route.lists;
    endpoint_ids := route.endpoints;
    revisions := route.revisions;
  else
    judgement := postrider_internal.judge_page(page.ids, route.kinds, route.ends, route.rules, unjudged_endpoints, unjudged_events);
    event_id := judgement.slow_event_id;
    slow_endpoint_id := judgement.slow_endpoint_id;
    if judgement.event_count = 0 then
      outcome := 'slow';
      return next;
      return;
    end if;
    pairs := postrider_internal.sort_pairs(page.ids[:judgement.event_count], route.kinds[:judgement.event_count],
      page.deliver_times[:judgement.event_count], route.rules, judgement.verdicts, pairs_max);
    places := array(select generate_series(1, pairs.event_count));
    lists := pairs.lists;
    endpoint_ids := pairs.endpoints;
    revisions := pairs.revisions;
  end if;
  event_count := pairs.event_count;
  is_whole := event_count = cardinality(page.ids);
  behind := postrider_internal.cursor_behind(page.base, page.target, page.after_xid, page.after_seq, page.is_complete and is_whole,
    page.xids[:event_count], page.seqs[:event_count], page.aside_xids, page.aside_seqs, case when is_whole then page.ended_xids end);
  outcome := case when behind.aside_xids is not null then 'aside' when page.is_complete and is_whole then 'complete' else 'page' end;
  select s.claim_id, s.queued_count into claim_id, queued_count
  from postrider_internal.store_claim(behind.base, behind.target, behind.after_xid, behind.after_seq, behind.aside_xids,
    behind.aside_seqs, pairs.event_ids, pairs.endpoint_ids, pairs.others, daemon_id, last.empty_claim) s;
  unmatched := case when array_position(lists, null) is not null
    then postrider_internal.note_unmatched(page, event_count, places, lists, pairs.others) end;
  return next;
  return query
    select null::text, null::bigint, null::integer, null::integer, e.id, e.event_type, postrider_internal.event_time(e.created_at),
           e.context, e.payload, null::text, lists[e.place], null::text, null::uuid, null::jsonb
    from (select unnest(page.ids) as id, unnest(page.event_types) as event_type, unnest(page.created_times) as created_at,
                 unnest(page.contexts) as context, unnest(page.payloads) as payload, unnest(places) as place) e
    where lists[e.place] is not null;
end
$$;
comment on function postrider_internal.claim_events(uuid, integer, integer, integer, integer, integer, uuid[], uuid[]) is
  'Claims a page of new events for a daemon and routes it. The first row gives the outcome (off: sending is switched off; page: more is left; aside: the same, and a transaction is aside; complete: nothing is left; empty: nothing is new); each further row is an event whose first attempts the daemon has in hand. A page ends before an event with a filter that takes too long, and the first row names that event and endpoint; if nothing comes before it, nothing is claimed (slow). unjudged_endpoints, unjudged_events: whose filters are not applied to which event (null: to any), so that the delivery is discarded; if the former is null, no filters are applied at all. unmatched, in the first row: the most frequent kinds of events that no endpoint gets.';
