-- grant: execute to operator, daemon

create or replace function postrider_internal.constant_headers(headers jsonb) returns jsonb
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
begin
  if headers::text !~ '\$' then
    return headers;
  end if;
  return (
    select coalesce(jsonb_object_agg(h.key, case when h.value #>> '{}' ~ '^[$]{2}' then to_jsonb(substr(h.value #>> '{}', 2)) else h.value end), '{}')
    from jsonb_each(headers) h
    where jsonb_typeof(h.value) <> 'string' or not postrider_internal.is_path(h.value #>> '{}'));
end
$$;
comment on function postrider_internal.constant_headers(jsonb) is
  'The headers of an endpoint that are the same for every event.';
