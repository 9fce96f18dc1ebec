create or replace function postrider_internal.require_endpoint(endpoint_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from postrider.endpoint e where e.id = require_endpoint.endpoint_id) then
    raise exception 'there is no endpoint %', coalesce(endpoint_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, url from postrider.endpoint lists them.';
  end if;
end
$$;
comment on function postrider_internal.require_endpoint(uuid) is 'Raises an error if there is no such endpoint.';
