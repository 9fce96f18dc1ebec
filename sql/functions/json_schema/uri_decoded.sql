create or replace function postrider_internal.uri_decoded(encoded text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if encoded !~ '%' then
    return encoded;
  elsif encoded ~* '%(?![0-9a-f]{2})' then
    return null;
  end if;
  return (
    select convert_from(string_agg(case when m.part[1] ~ '^%' then decode(substr(m.part[1], 2), 'hex') else convert_to(m.part[1], 'UTF8') end, '' order by m.place), 'UTF8')
    from regexp_matches(encoded, '%..|[^%]+', 'g') with ordinality m (part, place));
exception
  -- The bytes are not UTF-8, or this database cannot hold the character.
  when character_not_in_repertoire or untranslatable_character then
    return null;
end
$$;
comment on function postrider_internal.uri_decoded(text) is 'A part of a URI without its percent-encoding; null if that is not valid.';
