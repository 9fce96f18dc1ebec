create or replace function postrider_internal.judge_failing(event_ids uuid[], endpoint_ids uuid[], failure_kinds text[], reasons text[]) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by note_health alone, under its planner settings, which has locked the rows of endpoint_failure. An endpoint that
-- an operator is changing is not waited for: the next failure disables it.
declare
  -- Fewer failures, or a shorter time, are a restart of the receiver or a few events that it does not take.
  failures_min constant integer := 10;
  failing_min constant interval := '30 s';
  failing record;
  opened jsonb;
  changes jsonb;
begin
  for failing in
    select n.id, n.circuit_opened_at, f.failing_since, f.consecutive_failures, f.last_http_status, f.last_failure_kind, f.last_error, d.disabled_from,
           d.disabled_from <= now() as is_over, f.announced_at is null and a.is_told as is_news, d.is_down, a.is_retried
    from postrider.endpoint n
    join postrider.endpoint_failure f on f.endpoint_id = n.id
    -- A resumed or enabled endpoint has its whole time again.
    cross join lateral (select greatest(f.failing_since, n.state_changed_at) as since) s
    cross join lateral (
      select s.since + n.disable_after as disabled_from, f.consecutive_failures >= failures_min and s.since + failing_min <= now() as is_down) d
    cross join lateral (
      -- An event of our own that an endpoint does not take makes no other. An answer that the endpoint gives up on is about
      -- the event, and comes from a receiver that works.
      select coalesce(bool_or(o.is_ours is false), false) as is_told, coalesce(bool_or(r.reason is null), false) as is_retried
      from unnest(event_ids, endpoint_ids, failure_kinds, reasons) r (event_id, endpoint_id, failure_kind, reason)
      left join lateral (
        select starts_with(e.event_type, 'postrider.') as is_ours from postrider.outbox e where e.id = r.event_id offset 0) o on true
      where r.endpoint_id = n.id and r.failure_kind is not null) a
    where n.id = any (judge_failing.endpoint_ids) and n.state = 'active' and f.consecutive_failures > 0 and f.last_failure_at = now()
      and (d.disabled_from <= now() or (f.announced_at is null or n.circuit_opened_at is null) and (d.is_down or s.since + n.disable_after / 2 <= now()))
    order by n.id
  loop
    -- Also of one that is disabled now, because its failures were far apart: who hears of failing endpoints hears of each.
    if failing.is_news then
      perform postrider_internal.note_action('endpoint_failing', failing.id, null, jsonb_build_object(
        'failing_since', failing.failing_since, 'failures', failing.consecutive_failures, 'last_error', failing.last_error));
      perform postrider_internal.note_endpoint_event('postrider.endpoint.failing', failing.id, (
        select row_to_json(f)
        from (
          select failing.last_error as reason, failing.failing_since, failing.consecutive_failures as failures, failing.last_failure_kind as failure_kind,
                 failing.last_http_status as http_status, failing.disabled_from) f));
      update postrider.endpoint_failure f set announced_at = now() where f.endpoint_id = failing.id;
    end if;
    if failing.is_over then
      perform from postrider.endpoint n where n.id = failing.id and n.state = 'active' for no key update skip locked;
      continue when not found;
      perform postrider_internal.disable_failing(failing.id,
        format('nothing but failures since %s: %s of them, the last one: %s', to_char(failing.failing_since at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'),
               failing.consecutive_failures, failing.last_error), event_ids, endpoint_ids);
    end if;
    if failing.is_down and failing.is_retried and not failing.is_over and failing.circuit_opened_at is null then
      opened := postrider_internal.open_circuit(failing.id, failing.consecutive_failures);
      changes := case when opened is null then changes else coalesce(changes, '[]') || opened end;
    end if;
  end loop;
  return changes;
end
$$;
comment on function postrider_internal.judge_failing(uuid[], uuid[], text[], text[]) is
  'Tells, once in an outage and by the audit and an event, which endpoints keep failing, and opens their circuits. Disables those that have had nothing but failures for longer than their disable_after. reasons: of the results whose delivery was given up for its answer. Returns what the daemon says of circuits; null if that is nothing.';
