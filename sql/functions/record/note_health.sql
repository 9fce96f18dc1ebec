create or replace function postrider_internal.note_health(
  event_ids uuid[],
  endpoint_ids uuid[],
  attempt_ids uuid[],
  started_ms double precision[],
  durations_ms integer[],
  http_statuses smallint[],
  failure_kinds text[],
  errors text[],
  reasons text[]
) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
-- What is told of an endpoint has its times in UTC, whoever's session it is, here and in what it calls.
set timezone = 'UTC'
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- A failure counts against the endpoint if it belongs to the schedule that its event began, and that is not a test. A failure of a delivery
-- that was sent again by hand (attempts_before is above 0) does not, because an operator chose the moment. A success
-- always counts. Flushes of several daemons lock the rows in the order of the endpoints' ids, existing rows first and
-- then new ones, so they cannot deadlock; operators do not lock these rows at all. The times are those of the record.
declare
  -- What was told of, and has ended if a success is among these.
  outages jsonb;
  has_circuit boolean;
  probed jsonb;
  opened jsonb;
begin
  select jsonb_object_agg(k.endpoint_id, jsonb_build_object('failing_since', k.failing_since, 'failures', k.consecutive_failures))
    filter (where k.announced_at is not null), bool_or(k.next_probe_at is not null) into outages, has_circuit
  from (
    select f.endpoint_id, f.failing_since, f.consecutive_failures, f.announced_at, f.next_probe_at
    from postrider.endpoint_failure f
    where f.endpoint_id = any (note_health.endpoint_ids)
    order by f.endpoint_id
    for update) k;

  with attempted as (
    select r.endpoint_id, r.failure_kind, r.http_status, r.error, r.started_ms + r.duration_ms as ended_ms
    from unnest(event_ids, endpoint_ids, attempt_ids, started_ms, durations_ms, http_statuses, failure_kinds, errors)
      r (event_id, endpoint_id, attempt_id, started_ms, duration_ms, http_status, failure_kind, error)
    where r.attempt_id is not null
      and (r.failure_kind is null or not exists (
        select from postrider.delivery d
        where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id and (d.attempts_before > 0 or d.replay_id is not null)
        union all
        select from postrider.outbox o where o.id = r.event_id and o.test_endpoint_id is not null))
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

  if outages is not null then
    perform postrider_internal.note_recoveries(outages);
  end if;
  if has_circuit then
    probed := postrider_internal.judge_probes(event_ids, endpoint_ids, failure_kinds);
  end if;
  opened := postrider_internal.judge_failing(event_ids, endpoint_ids, failure_kinds, reasons);
  return case when probed is null then opened when opened is null then probed else probed || opened end;
end
$$;
comment on function postrider_internal.note_health(uuid[], uuid[], uuid[], double precision[], integer[], smallint[], text[], text[], text[]) is
  'Updates postrider.endpoint_failure by these attempts. Then tells of those that keep failing or have recovered, opens and closes circuits, and disables those that have failed for too long. Returns what the daemon says of circuits; null if that is nothing.';
