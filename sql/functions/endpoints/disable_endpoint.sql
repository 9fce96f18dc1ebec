-- grant: execute to operator

create or replace function postrider.disable_endpoint(id uuid, reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider_internal.set_endpoint_state(disable_endpoint.id, 'disabled', disable_endpoint.reason, 'disable_endpoint');
end
$$;
comment on function postrider.disable_endpoint(uuid, text) is
  'Disables an endpoint: it gets no new deliveries, and pending ones are discarded. Use it if the receiver is gone for good or must not be sent anything; to let deliveries wait, use pause_endpoint().';
