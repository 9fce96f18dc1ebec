-- grant: execute to operator

create or replace function postrider_internal.base64url_bytes(value jsonb) returns bytea
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
declare
  encoded constant text := value #>> '{}';
  decoded bytea;
begin
  if jsonb_typeof(value) <> 'string' or encoded !~ '^[A-Za-z0-9_-]+$' or length(encoded) % 4 = 1 then
    return null;
  end if;
  decoded := decode(translate(encoded, '-_', '+/') || repeat('=', -length(encoded) & 3), 'base64');
  -- Another spelling of the same bytes has bits at its end that decoding drops.
  if rtrim(translate(encode(decoded, 'base64'), E'+/\n', '-_'), '=') <> encoded then
    return null;
  end if;
  return decoded;
end
$$;
comment on function postrider_internal.base64url_bytes(jsonb) is
  'The bytes of a JSON string in base64url without padding, as JOSE writes them; null if it is not their one spelling.';
