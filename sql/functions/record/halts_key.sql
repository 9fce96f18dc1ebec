create or replace function postrider_internal.halts_key(endpoint_id uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Null otherwise, which takes no space in a row.
  return (select true from postrider.endpoint e where e.id = halts_key.endpoint_id and e.ordered and e.when_exhausted = 'halt');
end
$$;
comment on function postrider_internal.halts_key(uuid) is
  'Whether a delivery to this endpoint that is exhausted halts its ordering key; null if it does not.';
