create or replace function postrider_internal.replay_stretch(
  replay postrider.replay, after_event uuid, events_max integer, judge_ms integer, by_millisecond boolean
) returns table (event_id uuid, verdict text)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- One stretch of the range, within one day, so that one partition is read. Each event that the endpoint's subscriptions
-- match gets a verdict: new (no delivery), again (a finished one), busy (left alone). The last row is the end of the
-- stretch: everything up to that id was looked at. Filters may be slow, so the stretch ends early after judge_ms;
-- by_millisecond, not between two ids of one millisecond.
declare
  range_end constant uuid := postrider_internal.replay_end(replay.until);
  stretch_end constant uuid := least(range_end,
    postrider.uuid_v7_floor(date_trunc('day', postrider_internal.partition_time(after_event), 'UTC') + interval '24 hours'));
  -- How much of an id as a text the stretch is not cut within.
  place_length constant integer := case when by_millisecond then length('01234567-89ab') else length(after_event::text) end;
  owner text;
  deadline constant timestamptz := clock_timestamp() + judge_ms * interval '1 ms';
begin
  select e.tenant into owner from postrider.endpoint e where e.id = replay.endpoint_id;
  return query
    with stretch as materialized (
      select o.id, o.xid, o.seq, o.event_type, o.tenant, o.created_at, num_nulls(o.test_endpoint_id, o.erased_at) = 2 as is_sent
      from postrider.outbox o
      where o.id > after_event and o.id < stretch_end
      order by o.id
      limit events_max
    ), kind as materialized (
      select k.event_type, case when bool_and(s.filter is not null) then array_agg(s.filter) end as filters
      from (select distinct i.event_type from stretch i where i.tenant = owner) k
      cross join lateral unnest(postrider_internal.event_type_patterns(k.event_type)) p (pattern)
      join postrider.subscription s on s.endpoint_id = replay.endpoint_id and s.event_type = p.pattern
      where replay.event_type = any (postrider_internal.event_type_patterns(k.event_type))
      group by k.event_type
    ), cursor as materialized (
      select c.base, c.target, c.after_xid, c.after_seq, c.aside_xids, c.aside_seqs from postrider.claim c order by c.id desc limit 1
    ), in_hand as materialized (
      select p.event_id
      from postrider.claim c
      cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
      where p.endpoint_id = replay.endpoint_id
    ), standing as materialized (
      select i.id, k.filters,
             case
               when d.state = 'pending' or d.finished_at > replay.created_at then 'busy'
               when d.state is not null then case when
                 case when d.state = 'discarded' and postrider_internal.is_cancelled(d.reason) then 'cancelled' else d.state end
                   = any (replay.states) then 'again' end
               when not postrider_internal.has_passed(c.base, c.target, c.after_xid, c.after_seq, c.aside_xids, c.aside_seqs, i.xid, i.seq) then 'busy'
               when i.id in (select h.event_id from in_hand h) then 'busy'
               when 'unmatched' = any (replay.states) then 'new'
             end as verdict
      from stretch i
      join kind k on k.event_type = i.event_type
      cross join cursor c
      left join lateral (
        select d.state, d.reason, d.finished_at
        from postrider.delivery d
        where d.event_id = i.id and d.endpoint_id = replay.endpoint_id
        offset 0) d on true
      where i.tenant = owner and i.is_sent and i.created_at >= replay.since and i.created_at < replay.until
    ), judged as materialized (
      select s.id, s.verdict,
             case
               when s.filters is null then 'matches'
               -- The first event, or millisecond, always has its turn, so there is progress.
               when not s.is_first and clock_timestamp() > deadline then 'late'
               when exists (
                 select from postrider.outbox o
                 cross join lateral postrider_internal.judge_filters(
                   o.payload, array_fill(replay.endpoint_id, array[cardinality(s.filters)]), s.filters) m
                 where o.id = s.id and m.problem is null and not m.is_slow) then 'matches'
             end as judgement
      from (
        select n.id, n.verdict, n.filters,
               left(n.id::text, place_length) = left(first_value(n.id) over (order by n.id)::text, place_length) as is_first
        from standing n
        where n.verdict is not null
        order by n.id
        offset 0) s
    ), late as materialized (
      select overlay('00000000-0000-0000-0000-000000000000' placing left(j.id::text, place_length) from 1)::uuid as id
      from judged j where j.judgement = 'late' order by j.id limit 1
    ), last as materialized (
      select count(*) as looked_at, (array_agg(i.id order by i.id))[count(*)] as id
      from stretch i
      where not exists (select from late l where l.id <= i.id)
    )
    select j.id, j.verdict
    from judged j
    where j.judgement = 'matches' and not exists (select from late l where l.id <= j.id)
    union all
    select case
             when l.looked_at = events_max or exists (select from late) then l.id
             -- The day is done: move to the first event of the days after it.
             else coalesce((select postrider.uuid_v7_floor(postrider_internal.partition_time(o.id)) from postrider.outbox o
                            where o.id >= stretch_end and o.id < range_end order by o.id limit 1), range_end)
           end,
           'end'
    from last l;
end
$$;
comment on function postrider_internal.replay_stretch(postrider.replay, uuid, integer, integer, boolean) is
  'Looks at the next events of a replay''s range, up to a limit: which of them it sends. The last row, end, is where the cursor moves. by_millisecond: all events of a millisecond are in one stretch.';
