create or replace function postrider_internal.lock_hours() returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  made_until timestamptz;
begin
  insert into postrider.hour_cursor default values on conflict do nothing;
  select c.made_until into strict made_until from postrider.hour_cursor c for update;
  return made_until;
end
$$;
comment on function postrider_internal.lock_hours() is
  'Keeps the hours as they are until the end of the transaction, and returns until when they are made; null if none was yet.';
