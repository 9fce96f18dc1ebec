create or replace function postrider_internal.decide_first(
  is_repeat boolean,
  held_claims bigint[],
  event_ids uuid[],
  endpoint_ids uuid[],
  claim_ids bigint[],
  attempts_before_now integer[],
  attempt_ids uuid[],
  new_attempts uuid[],
  states text[],
  waits_ms bigint[],
  reasons text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  with result as (
    select unnest(event_ids) as event_id, unnest(endpoint_ids) as endpoint_id, unnest(claim_ids) as claim_id,
           unnest(attempts_before_now) as attempts, unnest(attempt_ids) as attempt_id,
           unnest(new_attempts) as new_attempt,
           unnest(states) as state, unnest(waits_ms) as wait_ms, unnest(reasons) as reason
  )
  insert into postrider.delivery (event_id, endpoint_id, finished_at, next_attempt_at, attempts, state, reason)
  select r.event_id, r.endpoint_id,
         case when r.state <> 'pending' then clock_timestamp() end,
         case when r.state = 'pending' then clock_timestamp() + r.wait_ms * interval '1 ms' end,
         r.attempts + (r.attempt_id is not null)::integer, r.state, r.reason
  from result r
  where r.claim_id = any (held_claims)
    -- The others are in record_first_successes.
    and not (r.state = 'succeeded' and r.attempts = 0 and r.new_attempt is not null)
    and (not is_repeat or not exists (
      select from postrider.delivery d where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
      offset 0));
end
$$;
comment on function postrider_internal.decide_first(
  boolean, bigint[], uuid[], uuid[], bigint[], integer[], uuid[], uuid[], text[], bigint[], text[]) is
  'Inserts the deliveries whose first attempt did not succeed, if the daemon still holds their claims.';
