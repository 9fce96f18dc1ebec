create or replace function postrider_internal.take_allowance(endpoint_id uuid, requests integer) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  update postrider.endpoint_pace p
  set spent_until = greatest(p.spent_until, clock_timestamp()) + requests * (interval '1 s' / e.effective_rate::float8)
  from postrider.endpoint e
  where p.endpoint_id = take_allowance.endpoint_id and e.id = take_allowance.endpoint_id and e.effective_rate is not null
    and requests > 0;
end;
comment on function postrider_internal.take_allowance(uuid, integer) is
  'Takes what find_allowance has allowed: so many requests of the endpoint''s rate. Called by whatever leases for an endpoint with limits.';
