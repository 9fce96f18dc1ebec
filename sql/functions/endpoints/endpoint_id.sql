-- grant: execute to reader, operator

create or replace function postrider.endpoint_id(name text, tenant text default '') returns uuid
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known_max constant integer := 1000;
  owner constant text := coalesce(tenant, '');
  found_id uuid;
  meant text;
begin
  select e.id into found_id from postrider.endpoint e where e.tenant = owner and e.name = name;
  if not found then
    meant := postrider_internal.nearest(name, array(
      select e.name::text from postrider.endpoint e where e.tenant = owner and e.name is not null limit known_max));
    raise exception 'there is no endpoint named %', coalesce(quote_literal(left(name, 255)), 'null') || case when owner = '' then '' else ' of that tenant' end
      using errcode = 'no_data_found',
        hint = concat_ws(' ', 'Did you mean ' || quote_literal(meant) || '?', 'select name, tenant, id from postrider.endpoint lists them.');
  end if;
  return found_id;
end
$$;
comment on function postrider.endpoint_id(text, text) is
  'The id of the endpoint of that name. Use it for each function that asks for an endpoint''s id: select postrider.pause_endpoint(postrider.endpoint_id(''billing''), ''maintenance''). A name that does not exist is an error.';
