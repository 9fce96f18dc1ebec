create or replace function postrider_internal.discard_ordered(endpoint_id uuid, reason text, deliveries_max integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by discard_deliveries alone, under its planner settings.
declare
  discarded_count integer;
begin
  with waiting as (
    select d.event_id, d.endpoint_id
    from postrider.delivery d
    where d.endpoint_id = discard_ordered.endpoint_id and d.state = 'pending'
      and d.ordering_seq is not null and (d.state = 'pending' or d.state = 'exhausted' and d.halts)
      -- An attempt in progress finishes; its record finds the endpoint gone.
      and (d.lease_expires_at is null or d.lease_expires_at <= now())
    order by d.endpoint_id, d.ordering_key, (d.leased_by is null), d.ordering_seq
    limit deliveries_max
    for update skip locked
  )
  update postrider.delivery d
  set state = 'discarded', reason = discard_ordered.reason, finished_at = now(),
      next_attempt_at = null, leased_by = null, lease_expires_at = null
  from waiting
  where d.event_id between waiting.event_id and waiting.event_id and d.endpoint_id = waiting.endpoint_id;
  get diagnostics discarded_count = row_count;
  if not exists (select from postrider.endpoint e where e.id = discard_ordered.endpoint_id and e.state <> 'disabled') then
    -- Nothing waits behind them any more, and retention would keep their days.
    with halting as (
      select d.event_id, d.endpoint_id
      from postrider.delivery d
      where d.endpoint_id = discard_ordered.endpoint_id and d.ordering_seq is not null and d.state = 'exhausted' and d.halts
      limit deliveries_max
      for update skip locked
    )
    update postrider.delivery d
    set halts = null
    from halting h
    where d.event_id between h.event_id and h.event_id and d.endpoint_id = h.endpoint_id;
  end if;
  return discarded_count;
end
$$;
comment on function postrider_internal.discard_ordered(uuid, text, integer) is
  'Discards pending deliveries that have a place in the order of their key, up to a limit, and returns how many. If their endpoint is gone or disabled, its keys are halted no longer.';
