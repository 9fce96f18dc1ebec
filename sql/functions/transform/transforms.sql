-- grant: execute to operator

create or replace function postrider_internal.transforms(payload text, headers jsonb) returns boolean
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  return payload is not null or exists (
    select from jsonb_each_text(case when jsonb_typeof(headers) = 'object' then headers else '{}' end) h
    where postrider_internal.is_path(h.value));
end
$$;
comment on function postrider_internal.transforms(text, jsonb) is
  'Whether an endpoint with this payload and these headers has a path anywhere.';
