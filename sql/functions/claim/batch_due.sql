create or replace function postrider_internal.batch_due(endpoint_id uuid, batch_delay_ms integer) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by claim_deliveries alone, under its planner settings.
begin
  return least(
    -- If its time has come and it was not leased, someone has it locked.
    (select case when b.due > now() then b.due else now() + interval '250 ms' end
     from (
       select d.next_attempt_at + batch_delay_ms * interval '1 ms' as due
       from postrider.delivery d
       where d.endpoint_id = batch_due.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
         and d.batch_id is null and postrider_internal.is_for_batch(d.attempts, d.attempts_before, d.replay_id)
       order by d.next_attempt_at
       limit 1) b),
    -- The walk does not see this one, because what waits for its batch stands before it. One that is leased is recorded first.
    (select case when d.leased_by is null then d.next_attempt_at end
     from postrider.delivery d
     where d.endpoint_id = batch_due.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at > now()
     order by d.next_attempt_at
     limit 1));
end
$$;
comment on function postrider_internal.batch_due(uuid, integer) is
  'When to look again at an endpoint that has due deliveries and can be sent none of them: when a batch that is not full is sent all the same, or when something else comes due. Null if neither follows.';
