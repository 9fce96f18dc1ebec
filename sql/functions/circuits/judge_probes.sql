create or replace function postrider_internal.judge_probes(event_ids uuid[], endpoint_ids uuid[], failure_kinds text[]) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by note_health alone, under its planner settings, which has locked the rows of endpoint_failure. A failure counts
-- only if it is that of the probe: requests that were in progress when the circuit opened say nothing new.
declare
  longest_gap constant interval := '5 min';
  probed record;
  changes jsonb;
begin
  for probed in
    select f.endpoint_id, f.recovered_at is not distinct from now() as is_closed, n.circuit_opened_at, least(f.probe_gap * 2, longest_gap) as gap, f.consecutive_failures,
           exists (
             select from unnest(event_ids, endpoint_ids, failure_kinds) r (event_id, endpoint_id, failure_kind)
             where r.endpoint_id = f.endpoint_id and r.event_id = f.probe_event_id and r.failure_kind is not null) as has_failed
    from postrider.endpoint_failure f
    left join postrider.endpoint n on n.id = f.endpoint_id
    where f.endpoint_id = any (judge_probes.endpoint_ids) and f.next_probe_at is not null
    order by f.endpoint_id
  loop
    if probed.is_closed then
      update postrider.endpoint_failure f
      set next_probe_at = null, probe_gap = null, probe_event_id = null, probe_until = null
      where f.endpoint_id = probed.endpoint_id;
      -- If an operator is changing the endpoint, the next walk does it.
      update postrider.endpoint e
      set circuit_opened_at = null
      from (select n.id from postrider.endpoint n where n.id = probed.endpoint_id for no key update skip locked) n
      where e.id = n.id and e.circuit_opened_at is not null;
    elsif probed.has_failed then
      -- Up to a fifth earlier, so that many endpoints that stopped together are not probed together.
      update postrider.endpoint_failure f
      set next_probe_at = now() + probed.gap * (1 - random() / 5), probe_gap = probed.gap, probe_event_id = null, probe_until = null
      where f.endpoint_id = probed.endpoint_id;
    end if;
    if probed.circuit_opened_at is not null and (probed.is_closed or probed.has_failed) then
      changes := coalesce(changes, '[]') || jsonb_build_object(
        'change', case when probed.is_closed then 'closed' else 'failed' end, 'endpoint_id', probed.endpoint_id,
        'failures', probed.consecutive_failures, 'next_probe_ms', extract(epoch from probed.gap) * 1000,
        'open_ms', round(extract(epoch from now() - probed.circuit_opened_at) * 1000));
    end if;
  end loop;
  return changes;
end
$$;
comment on function postrider_internal.judge_probes(uuid[], uuid[], text[]) is
  'Closes the circuits of endpoints that have succeeded, and doubles the gap after a probe that has failed. Returns what the daemon says of them; null if that is nothing.';
