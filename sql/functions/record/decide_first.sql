create or replace function postrider_internal.decide_first(
  places integer[],
  event_ids uuid[],
  endpoint_ids uuid[],
  attempts_before_now integer[],
  attempt_ids uuid[],
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
  insert into postrider.delivery (event_id, endpoint_id, finished_at, next_attempt_at, attempts, state, reason)
  select event_ids[p], endpoint_ids[p],
         case when states[p] = 'pending' then null else clock_timestamp() end,
         case when states[p] = 'pending' then clock_timestamp() + waits_ms[p] * interval '1 ms' end,
         attempts_before_now[p] + (attempt_ids[p] is not null)::integer, coalesce(states[p], 'succeeded'), reasons[p]
  from (select unnest(places) as p) r;
end
$$;
comment on function postrider_internal.decide_first(
  integer[], uuid[], uuid[], integer[], uuid[], text[], bigint[], text[]) is
  'Inserts deliveries without their first attempt, most of which have failed. places: which results those are, from 1.';
