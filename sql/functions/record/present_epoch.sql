create or replace function postrider_internal.present_epoch() returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Called by record_results alone, under its planner settings.
declare
  epoch uuid;
begin
  select e.id into epoch from postrider.server_epoch e where e.is_row;
  if not found then
    insert into postrider.server_epoch default values on conflict do nothing; -- begun by another session since the look
    select e.id into strict epoch from postrider.server_epoch e where e.is_row;
  end if;
  return epoch;
end
$$;
comment on function postrider_internal.present_epoch() is
  'The id of the present epoch, postrider.server_epoch; begins one if there is none.';
