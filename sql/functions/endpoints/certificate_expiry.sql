-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.certificate_expiry(pem text) returns timestamptz
language plpgsql stable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
-- Of the first certificate in the text. Its validity comes behind the version, the serial number, the algorithm and the
-- issuer: DER, in which each element is a tag, a length and so many bytes.
declare
  certificate bytea;
  place integer := 0;
  step text;
  length_bytes integer;
  size integer;
  tag integer;
  digits text;
begin
  certificate := decode(substring(pem from '-----BEGIN CERTIFICATE-----([^-]*)-----END'), 'base64');
  foreach step in array '{enter,enter,version,pass,pass,pass,enter,pass,read}'::text[] loop
    tag := get_byte(certificate, place);
    continue when step = 'version' and tag <> 160;
    length_bytes := case when get_byte(certificate, place + 1) < 128 then 0 else get_byte(certificate, place + 1) - 128 end;
    size := get_byte(certificate, place + 1);
    if length_bytes > 0 then
      size := 0;
      for n in 1..length_bytes loop
        size := size * 256 + get_byte(certificate, place + 1 + n);
      end loop;
    end if;
    place := place + 2 + length_bytes + case when step in ('pass', 'version') then size else 0 end;
  end loop;
  digits := convert_from(substring(certificate from place + 1 for size), 'SQL_ASCII');
  if tag = 23 then
    -- Years of two digits, from 1950 on.
    digits := case when digits < '5' then '20' else '19' end || digits;
  end if;
  return make_timestamptz(
    substr(digits, 1, 4)::integer, substr(digits, 5, 2)::integer, substr(digits, 7, 2)::integer,
    substr(digits, 9, 2)::integer, substr(digits, 11, 2)::integer, substr(digits, 13, 2)::integer, 'UTC');
exception
  when others then
    -- It is not a certificate, which daemons say when they use it.
    return null;
end
$$;
comment on function postrider_internal.certificate_expiry(text) is
  'Until when a certificate in PEM is valid, the first one if there are several; null if it cannot be read.';
