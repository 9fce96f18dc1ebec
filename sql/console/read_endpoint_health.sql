-- Whether an endpoint fails, since when and how, how fast it answers, and up to 500 of what waits for it, and of what it did
-- not get of the last day's events.
-- $1 endpoint
select h.endpoint_id, h.state, h.state_reason, h.is_failing, h.failing_since, h.consecutive_failures, h.last_failure_at,
       h.last_failure_kind, h.last_http_status, h.last_error, h.recovered_at, h.p50_ms, h.p95_ms, h.disabled_from,
       h.circuit, h.circuit_opened_at, h.next_probe_at, h.halted_keys, h.halted_since, h.certificate_expires_at,
       w.pending, w.due, postrider.uuid_v7_time(w.oldest_id) as oldest_at, w.pending < 500 as is_exact, u.exhausted, u.discarded
from postrider.endpoint_health h
cross join postrider_internal.count_waiting_for($1::uuid, 500) w
cross join (
  select count(*) filter (where d.state = 'exhausted') as exhausted, count(*) filter (where d.state = 'discarded') as discarded
  from postrider_internal.look_at_deliveries(
    'ended', array[$1], postrider.uuid_v7_floor(now() - interval '24 hours'), 'ffffffff-ffff-ffff-ffff-ffffffffffff', 500) d) u
where h.endpoint_id = $1;
