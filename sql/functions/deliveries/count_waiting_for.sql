-- grant: execute to reader, operator

create or replace function postrider_internal.count_waiting_for(endpoint_id uuid, counted_max integer)
returns table (pending bigint, due bigint, oldest_id uuid)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- In the order of delivery_oldest, so that it ends after so many. A bitmap would read everything that waits, and then sort it.
begin
  return query
    select count(*), count(*) filter (where d.next_attempt_at <= now()), (array_agg(d.event_id order by d.event_id))[1]
    from (
      select d.event_id, d.next_attempt_at
      from postrider.delivery d
      where d.endpoint_id = count_waiting_for.endpoint_id and d.finished_at is null
      order by d.event_id
      limit counted_max) d;
end
$$;
comment on function postrider_internal.count_waiting_for(uuid, integer) is
  'What waits for an endpoint, and how much of that is due, the oldest events first and up to so many; and the oldest event.';
