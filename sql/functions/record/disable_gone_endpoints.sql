create or replace function postrider_internal.disable_gone_endpoints(endpoint_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- An endpoint that an operator is changing is not waited for: the next 410 disables it.
  perform postrider_internal.set_endpoint_state(e.id, 'disabled', 'the receiver answered 410 Gone', 'disable_endpoint')
  from (
    select n.id from postrider.endpoint n
    where n.id = any (disable_gone_endpoints.endpoint_ids) and n.state <> 'disabled'
    for update skip locked) e;
end
$$;
comment on function postrider_internal.disable_gone_endpoints(uuid[]) is
  'Disables the endpoints whose receivers answered 410 Gone.';
