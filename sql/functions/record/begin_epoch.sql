create or replace function postrider_internal.begin_epoch() returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Called by record_results alone, under its planner settings.
declare
  epoch uuid;
begin
  insert into postrider.server_epoch default values on conflict do nothing; -- begun by another session since the look
  select e.id into strict epoch from postrider.server_epoch e where e.is_row;
  return epoch;
end
$$;
comment on function postrider_internal.begin_epoch() is
  'Begins an epoch, postrider.server_epoch, if there is none; returns the id of the present one.';
