create or replace function postrider_internal.known_deliveries(event_ids uuid[], endpoint_ids uuid[]) returns integer[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  return array(
    select p from generate_series(1, cardinality(event_ids)) p
    where exists (
      select from postrider.delivery d where d.event_id = event_ids[p] and d.endpoint_id = endpoint_ids[p]
      offset 0));
end
$$;
comment on function postrider_internal.known_deliveries(uuid[], uuid[]) is
  'Which of these pairs, from 1, have their delivery already.';
