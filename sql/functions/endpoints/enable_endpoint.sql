-- grant: execute to operator

create or replace function postrider.enable_endpoint(id uuid) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider.set_endpoint_state(enable_endpoint.id, 'active', null, 'enable_endpoint');
end
$$;
comment on function postrider.enable_endpoint(uuid) is 'Enables a disabled endpoint: it gets the events from now on.';
