-- grant: execute to portal

create or replace function postrider_internal.portal_create_endpoint(
  url text, event_types text[], filter text, name text, description text, headers jsonb,
  out endpoint_id uuid, out secret text
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  endpoints_max constant integer := 100;
  tenant constant text := postrider_internal.require_portal('endpoints:write');
  types constant text[] := coalesce(event_types, '{*}');
  event_type text;
begin
  if (select count(*) from postrider.endpoint e where e.tenant = tenant) >= endpoints_max then
    raise exception 'there are % endpoints already', endpoints_max
      using errcode = 'object_not_in_prerequisite_state', hint = 'Remove one that is no longer needed.';
  end if;
  if cardinality(types) > 100 then
    raise exception 'there are % event types', cardinality(types)
      using errcode = 'invalid_parameter_value', hint = 'Give 100 at most: a prefix such as order.* stands for many.';
  end if;
  select c.endpoint_id, c.secret into endpoint_id, secret
  from postrider.create_endpoint(url, '{}', tenant,
    jsonb_strip_nulls(jsonb_build_object('name', name, 'description', description, 'headers', headers))) c;
  foreach event_type in array types loop
    perform postrider_internal.portal_subscribe(endpoint_id, event_type, filter);
  end loop;
end
$$;
comment on function postrider_internal.portal_create_endpoint(text, text[], text, text, text, jsonb) is
  'Creates an endpoint of the tenant whose token this transaction shows, up to 100 of them, with one subscription for each of the event types, all with the same filter.';
