create or replace function postrider_internal.lock_walk(endpoint_id uuid) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by put_in_order and lease_ordered alone, under their planner settings.
begin
  perform from postrider.ordered_walk w where w.endpoint_id = lock_walk.endpoint_id for update skip locked;
  if not found then
    insert into postrider.ordered_walk (endpoint_id) values (lock_walk.endpoint_id) on conflict do nothing;
  end if;
  return found;
end
$$;
comment on function postrider_internal.lock_walk(uuid) is
  'Locks the row of postrider.ordered_walk of an ordered endpoint, so that one daemon at a time gives places and leases. False if another has it.';
