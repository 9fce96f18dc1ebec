create or replace function postrider_internal.batch_due(endpoint_id uuid, batch_delay_ms integer) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by claim_deliveries alone, under its planner settings.
begin
  return (
    select d.next_attempt_at + batch_delay_ms * interval '1 ms'
    from postrider.delivery d
    where d.endpoint_id = batch_due.endpoint_id and d.state = 'pending' and d.next_attempt_at <= now()
      and d.batch_id is null and postrider_internal.is_for_batch(d.attempts, d.attempts_before, d.replay_id)
    order by d.next_attempt_at
    limit 1);
end
$$;
comment on function postrider_internal.batch_due(uuid, integer) is
  'When a batch that is not full is sent all the same; null if none waits.';
