-- grant: execute to operator

create or replace function postrider.enable_endpoint(id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.set_endpoint_state(enable_endpoint.id, 'active', null, 'enable_endpoint');
end
$$;
comment on function postrider.enable_endpoint(uuid) is
  'Enables a disabled endpoint: it gets the events from now on. Use it if the receiver is back, and replay() for what it missed.';
