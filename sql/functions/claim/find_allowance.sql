create or replace function postrider_internal.find_allowance(
  endpoint_id uuid, share integer, out allowed integer, out look_again timestamptz
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by claim_deliveries alone, under its planner settings, for endpoints that have a limit. Whoever leases has the
-- endpoint's row of endpoint_pace locked until the leases are committed, so daemons take turns. No one waits for another.
begin
  -- Without the lock first, because most looks at an endpoint with a backlog find its limit reached.
  select p.allowed, p.look_again into allowed, look_again from postrider_internal.present_allowance(endpoint_id, share) p;
  if allowed = 0 then
    return;
  end if;
  perform from postrider.endpoint_pace p where p.endpoint_id = find_allowance.endpoint_id for update skip locked;
  if not found then
    if not exists (select from postrider.endpoint_pace p where p.endpoint_id = find_allowance.endpoint_id) then
      insert into postrider.endpoint_pace (endpoint_id, unsettled_since) values (find_allowance.endpoint_id, now())
      on conflict on constraint endpoint_pace_pkey do nothing;
    end if;
    allowed := 0;
    look_again := now() + interval '25 ms';
    return;
  end if;
  -- This statement sees what the daemons leased that had the lock before.
  select p.allowed, p.look_again into allowed, look_again from postrider_internal.present_allowance(endpoint_id, share) p;
  if allowed > 0 then
    -- A claim that began before the limit was set has ended by then, and its deliveries can be seen.
    update postrider.endpoint_pace p
    set unsettled_since = null
    where p.endpoint_id = find_allowance.endpoint_id and p.unsettled_since < now() - interval '15 s'
      and postrider_internal.count_uncounted(p.endpoint_id) = 0;
  end if;
end
$$;
comment on function postrider_internal.find_allowance(uuid, integer) is
  'Of the deliveries for which a daemon has room at an endpoint with limits, how many requests it may lease now; if the limits allow no more, when to look again. If it may lease any, others may not until the transaction ends.';
