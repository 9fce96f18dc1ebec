-- grant: execute to portal

create or replace function postrider_internal.portal_change_endpoint(endpoint_id uuid, settings jsonb, revision bigint) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known constant text[] := '{url,name,description,headers}';
  changed_headers constant jsonb := coalesce(nullif(settings -> 'headers', 'null'), '{}');
begin
  perform postrider_internal.require_portal_endpoint('endpoints:write', endpoint_id);
  if jsonb_typeof(settings) is distinct from 'object' or settings - known <> '{}' then
    raise exception 'the settings are not those of a tenant'
      using errcode = 'invalid_parameter_value', hint = format('Give an object with any of: %s.', array_to_string(known, ', '));
  end if;
  if jsonb_typeof(changed_headers) <> 'object' then
    raise exception 'headers is not a JSON object'
      using errcode = 'invalid_parameter_value', hint = 'Give names and texts; null removes a header.';
  end if;
  update postrider.endpoint e
  set (url, name, description, headers) = (
    select n.url, n.name, n.description, jsonb_strip_nulls(e.headers || changed_headers)
    from jsonb_populate_record(e, settings - 'headers') n)
  where e.id = endpoint_id and (revision is null or e.revision = revision);
  return found;
end
$$;
comment on function postrider_internal.portal_change_endpoint(uuid, jsonb, bigint) is
  'Changes the URL, the name, the description and headers of an endpoint of the tenant whose token this transaction shows. Headers that are not named stay, and null removes one. False, and nothing is changed, if the endpoint has another revision.';
