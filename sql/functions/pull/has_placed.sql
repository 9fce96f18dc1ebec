create or replace function postrider_internal.has_placed(endpoint_id uuid, after_place bigint) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by find_fetchable alone, under its planner settings.
begin
  perform
  from postrider.delivery d
  where d.endpoint_id = has_placed.endpoint_id and d.pull_place is not null and d.pull_place > after_place
  order by d.pull_place
  limit 1;
  return found;
end
$$;
comment on function postrider_internal.has_placed(uuid, bigint) is
  'Whether a delivery of a pull endpoint has a place behind that one; false if that is null.';
