-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.count_attempts(counted_max integer)
returns table (endpoint_id uuid, attempts bigint, failures bigint, is_exact boolean)
language sql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
begin atomic
  -- Not from postrider.attempt, which has no index by time. First successes are looked for among the newest events, because
  -- an index by time would cost each of them. The others have one, so a retry is found however old its event is.
  with newest as (
    select d.event_id, d.endpoint_id, d.first_attempt_id, d.first_started_at
    from postrider.delivery d
    order by d.event_id desc
    limit count_attempts.counted_max + 1
  ), other as (
    select a.endpoint_id, a.failure_kind
    from postrider.other_attempt a
    where a.started_at > now() - interval '1 hour'
    order by a.started_at desc
    limit count_attempts.counted_max + 1
  ), recent as (
    select n.endpoint_id, null as failure_kind
    from newest n
    where n.first_attempt_id is not null and n.first_started_at > now() - interval '1 hour'
    union all
    select o.endpoint_id, o.failure_kind from other o
  )
  select r.endpoint_id, count(*), count(r.failure_kind),
         (select count(*) from other) <= count_attempts.counted_max
           and (select count(*) from newest n where n.event_id >= postrider.uuid_v7_floor(now() - interval '1 hour')) <= count_attempts.counted_max
  from recent r
  group by r.endpoint_id;
end;
comment on function postrider_internal.count_attempts(integer) is
  'Attempts of the last hour by endpoint, of the newest ones up to a limit. is_exact is false if there are more.';
