create or replace function postrider_internal.explain_circuit(endpoint_id uuid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  return (
    select format('waits because the endpoint''s circuit has been open since %s, after %s in a row; %s',
                  postrider_internal.shown_time(e.circuit_opened_at), postrider_internal.counted(f.consecutive_failures, 'failure'),
                  case when f.probe_until > now() then 'a probe is in progress' else 'the next probe is due ' || postrider_internal.shown_time(f.next_probe_at) end)
    from postrider.endpoint e
    join postrider.endpoint_failure f on f.endpoint_id = e.id
    where e.id = endpoint_id and e.circuit_opened_at is not null);
end
$$;
comment on function postrider_internal.explain_circuit(uuid) is 'Why deliveries of an endpoint wait whose circuit is open, and for how long.';
