create or replace function postrider_internal.unfit_payload(payload json, bytes_max integer) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
-- The size on disk comes first, because it needs no reading. Reading a payload as jsonb cannot be interrupted. A number
-- with an exponent is twelve bytes there and up to 131,072 digits as text, so what its exponents come to is added up.
declare
  payload_bytes integer := case when pg_column_size(payload) <= bytes_max then octet_length(payload::text) end;
  digits numeric;
begin
  if payload_bytes is null or payload_bytes > bytes_max then
    return format('the payload has %s bytes, and up to %s can be transformed',
                  coalesce(payload_bytes::text, 'more than ' || pg_column_size(payload)), bytes_max);
  end if;
  if payload::text ~ '[eE][+-]?[0-9]{3}' then
    select sum(case when length(e.found[1]) < 10 then e.found[1]::numeric else bytes_max end) into digits
    from regexp_matches(regexp_replace(payload::text, '"(?:[^"\\]|\\.)*"', '', 'g'), '[eE][+-]?0*([0-9]+)', 'g') e (found);
    if digits > bytes_max then
      return format('the numbers of the payload, written out, have more than %s digits', bytes_max);
    end if;
  end if;
  return null;
end
$$;
comment on function postrider_internal.unfit_payload(json, integer) is
  'Why a payload is not transformed, which can be seen before it is read; null if it can be tried.';
