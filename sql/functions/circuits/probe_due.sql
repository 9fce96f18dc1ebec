create or replace function postrider_internal.probe_due(endpoint_id uuid) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select greatest(f.next_probe_at, f.probe_until)
    from postrider.endpoint_failure f
    where f.endpoint_id = probe_due.endpoint_id and f.consecutive_failures > 0 and f.next_probe_at is not null);
end
$$;
comment on function postrider_internal.probe_due(uuid) is
  'When the next probe of an endpoint whose circuit is open may be leased, unless the present one succeeds; null if the circuit is closed.';
