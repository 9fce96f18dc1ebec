-- grant: execute to reader, operator

create or replace function postrider_internal.walk_deliveries(
  states text[], endpoint text, attempts_min integer, event_type text, tenant text, key text, since timestamptz, until timestamptz,
  before_event uuid, looked_max integer
) returns table (event_id uuid, is_end boolean)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_variable
-- Each way reads one index from the newest event on, and stops after so many deliveries (look_at_deliveries). What several
-- endpoints have is put together, and then only as far back as all of them were looked at. By the primary key there are many of
-- which few may be sought, so their events are read in one range; the other ways lead to few enough for the caller to look at each.
--
--   troubled   delivery_troubled: what ended badly or was tried again, at any endpoint
--   ended      delivery_undelivered: the same at one endpoint
--   waiting    delivery_oldest: what waits, at one endpoint or at each
--   all        the primary key: whatever else is asked for
declare
  led_max constant integer := 250;
  each_max constant integer := 50;
  known constant text[] := '{pending,succeeded,exhausted,discarded}';
  from_id constant uuid := postrider.uuid_v7_floor(coalesce(since, now() - interval '24 hours'));
  -- No partition of the days ahead is looked at.
  to_id constant uuid := least(postrider.uuid_v7_floor(coalesce(until, clock_timestamp() + interval '1 minute')), coalesce(before_event, 'ffffffff-ffff-ffff-ffff-ffffffffffff'));
  unknown text;
  endpoint_ids uuid[];
  way text;
  part_max integer;
begin
  select coalesce(s.state, 'null') into unknown
  from unnest(states) s (state)
  where s.state is null or s.state <> all (known)
  limit 1;
  if found then
    raise exception 'a delivery is never %', unknown
      using errcode = 'invalid_parameter_value', hint = format('The states are: %s.', array_to_string(known, ', '));
  end if;
  if endpoint is not null then
    endpoint_ids := array(select e.id from postrider.endpoint e where e.name = endpoint or e.id::text = lower(endpoint));
    if cardinality(endpoint_ids) = 0 then
      return;
    end if;
  end if;
  way := case
    when states <@ '{exhausted,discarded}' and cardinality(endpoint_ids) = 1 then 'ended'
    when states <@ '{exhausted,discarded}' or attempts_min > 1 then 'troubled'
    when states = '{pending}' then 'waiting'
    else 'all' end;
  if way = 'waiting' and endpoint is null then
    endpoint_ids := array(select e.id from postrider.endpoint e);
  end if;
  part_max := case when way = 'all' then looked_max when way = 'waiting' and cardinality(endpoint_ids) > 1 then each_max else led_max end;

  return query
    with looked as materialized (
      select l.part, l.event_id, l.endpoint_id, l.state, l.attempts
      from postrider_internal.look_at_deliveries(way, endpoint_ids, from_id, to_id, part_max) l
    ), place as (
      select l.event_id, row_number() over (partition by l.part order by l.event_id desc) as number
      from looked l
    ), last as (
      select p.event_id
      from place p
      where p.number = part_max
      order by p.event_id desc
      limit 1
    ), sought as materialized (
      select o.id
      from postrider.outbox o
      where way = 'all' and o.id >= coalesce((select l.event_id from last l), from_id) and o.id < to_id
        and (event_type is null or case when event_type like '%.*' then starts_with(o.event_type, left(event_type, -1)) else o.event_type = event_type or event_type = '*' end)
        and (tenant is null or o.tenant = tenant)
        and (key is null or o.ordering_key = key or o.idempotency_key = key)
    ), chosen as (
      select l.event_id
      from (
        select l.event_id, l.endpoint_id, l.state, l.attempts
        from looked l
        union all
        -- The walk may have ended between two deliveries of one event.
        select d.event_id, d.endpoint_id, d.state, d.attempts
        from last e
        join postrider.delivery d on d.event_id = e.event_id
        where way in ('troubled', 'all')) l
      where (states is null or l.state = any (states))
        and (endpoint is null or l.endpoint_id = any (endpoint_ids))
        and (attempts_min is null or l.attempts >= attempts_min)
        and (way <> 'all' or coalesce(event_type, tenant, key) is null or l.event_id in (select o.id from sought o))
      union
      -- First attempts in progress have no row yet.
      select f.event_id
      from postrider.in_flight f
      where way in ('waiting', 'all') and coalesce(attempts_min, 0) <= 0 and (states is null or 'pending' = any (states))
        and (endpoint is null or f.endpoint_id = any (endpoint_ids)) and f.event_id >= from_id and f.event_id < to_id
    )
    select c.event_id, false
    from chosen c
    where c.event_id >= coalesce((select l.event_id from last l), from_id)
    union all
    select l.event_id, true
    from last l;
end
$$;
comment on function postrider_internal.walk_deliveries(text[], text, integer, text, text, text, timestamptz, timestamptz, uuid, integer) is
  'The events that have a delivery in one of these states, to this endpoint (its name or id), with at least so many attempts. Looks at 250 deliveries at most where an index leads to them, and else at the newest looked_max. If there may be more, one further row is the event at which the walk ended.';
