create or replace function postrider_internal.discard_deliveries(endpoint_id uuid, reason text, deliveries_max integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  discarded_count integer;
begin
  with waiting as (
    select d.event_id, d.endpoint_id
    from postrider.delivery d
    where d.endpoint_id = discard_deliveries.endpoint_id and d.state = 'pending' and d.ordering_seq is null
      -- An attempt in progress finishes; its record finds the endpoint gone.
      and (d.lease_expires_at is null or d.lease_expires_at <= now())
    order by d.next_attempt_at
    limit deliveries_max
    for update skip locked
  )
  update postrider.delivery d
  set state = 'discarded', reason = discard_deliveries.reason, finished_at = now(),
      next_attempt_at = null, leased_by = null, lease_expires_at = null
  from waiting
  where d.event_id between waiting.event_id and waiting.event_id and d.endpoint_id = waiting.endpoint_id;
  get diagnostics discarded_count = row_count;
  discarded_count := discarded_count
    + postrider_internal.discard_ordered(discard_deliveries.endpoint_id, discard_deliveries.reason, deliveries_max - discarded_count);
  perform postrider_internal.note_discards(
    array_fill(discard_deliveries.endpoint_id, array[discarded_count]), postrider_internal.is_cancelled(discard_deliveries.reason));
  return discarded_count;
end
$$;
comment on function postrider_internal.discard_deliveries(uuid, text, integer) is
  'Discards pending deliveries of an endpoint, up to a limit, and returns how many. Attempts in progress are left alone.';
