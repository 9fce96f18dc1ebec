create or replace function postrider_internal.cursor_place(cursor_key bytea, endpoint_id uuid, cursor_text text) returns bigint
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  place bigint;
begin
  if cursor_text !~ '^[A-Za-z0-9_-]{32}$' then
    return null;
  end if;
  place := ('x' || encode(substring(decode(translate(cursor_text, '-_', '+/'), 'base64') from 1 for 8), 'hex'))::bit(64)::bigint;
  return case when cursor_text = postrider_internal.pull_cursor(cursor_key, endpoint_id, place) then place end;
end
$$;
comment on function postrider_internal.cursor_place(bytea, uuid, text) is
  'The place that a cursor stands behind; null if it is no cursor of this endpoint.';
