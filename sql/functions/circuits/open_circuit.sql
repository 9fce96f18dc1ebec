create or replace function postrider_internal.open_circuit(endpoint_id uuid, failures bigint) returns jsonb
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by judge_failing alone. If an operator is changing the endpoint at this moment, the next failure opens it.
declare
  first_gap constant interval := '5 s';
begin
  update postrider.endpoint e
  set circuit_opened_at = now()
  from (
    select n.id from postrider.endpoint n
    where n.id = open_circuit.endpoint_id and n.state = 'active' and n.circuit_opened_at is null
    for no key update skip locked) n
  where e.id = n.id;
  if not found then
    return null;
  end if;
  update postrider.endpoint_failure f
  set next_probe_at = now() + first_gap, probe_gap = first_gap, probe_event_id = null, probe_until = null
  where f.endpoint_id = open_circuit.endpoint_id;
  return jsonb_build_object('change', 'opened', 'endpoint_id', endpoint_id, 'failures', failures,
                            'next_probe_ms', extract(epoch from first_gap) * 1000);
end
$$;
comment on function postrider_internal.open_circuit(uuid, bigint) is
  'Stops sending to an endpoint, but for probes, and returns what the daemon says of it; null if that was not possible now.';
