create or replace function postrider_internal.skip_unreadable(listener_id uuid, endpoint_id uuid, revision bigint, after_place bigint, reason text) returns bigint
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by fetch_events alone, under its planner settings. The page that met the value was rolled back, with the places it
-- gave. The value may be gone meanwhile, and then what follows is a delivery like any other.
declare
  found_place bigint;
  found_event uuid;
begin
  perform postrider_internal.advance_pull(listener_id, endpoint_id, revision, after_place, 1);
  select d.pull_place, d.event_id into found_place, found_event
  from postrider.delivery d
  where d.endpoint_id = skip_unreadable.endpoint_id and d.pull_place is not null and d.pull_place > after_place and d.state in ('pending', 'succeeded')
  order by d.pull_place
  limit 1;
  if postrider_internal.can_be_read(found_event) then
    return after_place;
  end if;
  perform postrider_internal.discard_pulled(endpoint_id, found_event, reason);
  return coalesce(found_place, after_place);
end
$$;
comment on function postrider_internal.skip_unreadable(uuid, uuid, bigint, bigint, text) is
  'Discards the delivery behind a place of a pull endpoint, because Postgres cannot give a value of its event, and returns its place. If it can, nothing is discarded, and that place is returned.';
