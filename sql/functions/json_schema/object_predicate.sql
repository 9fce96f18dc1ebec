create or replace function postrider_internal.object_predicate(checks jsonb, place text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Each property nests the predicate deeper.
  properties_max constant integer := 500;
  parts text[];
begin
  if (select count(*) from jsonb_object_keys(checks -> 'properties')) > properties_max
    or jsonb_array_length(checks -> 'required') > properties_max
  then
    return null;
  end if;
  parts := array(
    select format('!((exists (@.%s)) is unknown)', to_json(r.name)) from jsonb_array_elements_text(checks -> 'required') r (name))
  || array(
    select format('((exists (@.%1$s)) is unknown || exists (@.%1$s ? ', to_json(p.key)) || postrider_internal.schema_predicate(p.value, postrider_internal.place_within(postrider_internal.place_within(place, 'properties'), p.key)) || '))'
    from jsonb_each(checks -> 'properties') p);
  if checks ? 'additionalProperties' then
    parts := parts || ('!(exists (@.keyvalue() ? ('
      || case when checks -> 'known' <> '[]' then format('!(@.key == %s[*]) && ', postrider_internal.place_within(place, 'known')) else '' end
      || '!(exists (@.value ? ' || postrider_internal.schema_predicate(checks -> 'additionalProperties', postrider_internal.place_within(place, 'additionalProperties')) || ')))))');
  end if;
  return postrider_internal.conjunction(parts);
end
$$;
comment on function postrider_internal.object_predicate(jsonb, text) is
  'An SQL/JSON path predicate: the object @ has the properties that it must and may have. Null if that cannot be expressed.';
