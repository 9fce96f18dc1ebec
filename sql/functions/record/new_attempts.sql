create or replace function postrider_internal.new_attempts(event_ids uuid[], endpoint_ids uuid[], attempt_ids uuid[]) returns uuid[]
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  return array(
    select case when not exists (
        select from postrider.attempt a
        where a.event_id = r.event_id and a.endpoint_id = r.endpoint_id and a.id = r.attempt_id
        offset 0) then r.attempt_id end
    from unnest(event_ids, endpoint_ids, attempt_ids) with ordinality r (event_id, endpoint_id, attempt_id, n)
    order by r.n);
end
$$;
comment on function postrider_internal.new_attempts(uuid[], uuid[], uuid[]) is
  'These attempts, with null for those that are recorded already.';
