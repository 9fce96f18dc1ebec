create or replace function postrider_internal.has_unplaced(endpoint_id uuid, acknowledged_place bigint) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by fetch_events and find_fetchable, under their planner settings. What was given and is not acknowledged stands
-- before what was not given, and is a page or two.
begin
  perform
  from postrider.delivery d
  where d.endpoint_id = has_unplaced.endpoint_id and d.state = 'pending' and d.ordering_seq is null and d.next_attempt_at <= now()
    and (d.pull_place is null or d.pull_place <= acknowledged_place)
  order by d.next_attempt_at
  limit 1;
  return found;
end
$$;
comment on function postrider_internal.has_unplaced(uuid, bigint) is
  'Whether a delivery of a pull endpoint is due that has no place yet, or one that was acknowledged before it was sent again.';
