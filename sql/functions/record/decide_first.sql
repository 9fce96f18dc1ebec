create or replace function postrider_internal.decide_first(
  daemon_id uuid,
  is_repeat boolean,
  event_ids uuid[],
  endpoint_ids uuid[],
  claim_ids bigint[],
  attempt_ids uuid[],
  attempts_before_now integer[],
  states text[],
  waits_ms bigint[],
  reasons text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
declare
  held_claims bigint[];
begin
  -- Locked, so that no other daemon takes the claim over before these rows can be seen.
  held_claims := array(
    select c.id from postrider.claim c
    where c.id in (select distinct u from unnest(claim_ids) u) and c.daemon_id = decide_first.daemon_id
    order by c.id
    for share);
  insert into postrider.delivery (event_id, endpoint_id, finished_at, next_attempt_at, attempts, state, reason)
  select r.event_id, r.endpoint_id,
         case when r.state <> 'pending' then clock_timestamp() end,
         case when r.state = 'pending' then clock_timestamp() + r.wait_ms * interval '1 ms' end,
         r.attempts + (r.attempt_id is not null)::integer, r.state, r.reason
  from unnest(event_ids, endpoint_ids, claim_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons)
    r (event_id, endpoint_id, claim_id, attempt_id, attempts, state, wait_ms, reason)
  where r.claim_id = any (held_claims)
    and (not is_repeat or not exists (
      select from postrider.delivery d where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
      offset 0));
end
$$;
comment on function postrider_internal.decide_first(
  uuid, boolean, uuid[], uuid[], bigint[], uuid[], integer[], text[], bigint[], text[]) is
  'Inserts the deliveries of first attempts, if the daemon still holds their claims.';
