create or replace function postrider_internal.circuit_closed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.notify_daemons('operator');
  return null;
end
$$;
comment on function postrider_internal.circuit_closed() is 'Wakes the daemons for what waits behind a circuit that has closed.';

create or replace trigger circuit_closed after update on postrider.endpoint
  for each row when (old.circuit_opened_at is not null and new.circuit_opened_at is null)
  execute function postrider_internal.circuit_closed();
comment on trigger circuit_closed on postrider.endpoint is 'Wakes the daemons for what waited.';
