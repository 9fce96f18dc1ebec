create or replace function postrider_internal.schema_predicate(checks jsonb, place text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  types constant jsonb := checks -> 'type';
  comparisons constant jsonb := '{"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<", "minItems": ">=", "maxItems": "<="}';
  keyword text;
  argument jsonb;
  parts text[] := '{}';
begin
  if types is not null then
    parts := parts || postrider_internal.type_predicate(types);
  end if;
  for keyword, argument in select k.key, k.value from jsonb_each(checks) k loop
    continue when keyword in ('type', 'properties', 'required', 'additionalProperties', 'known', 'minLength', 'maxLength',
                             'items', 'prefixItems', 'contains', 'minContains', 'maxContains');
    parts := parts || case
      when keyword = 'enum' then postrider_internal.equality_predicate(argument, postrider_internal.place_within(place, keyword))
      when keyword = 'const' then postrider_internal.equality_predicate(jsonb_build_array(argument), null)
      when keyword in ('minItems', 'maxItems') then
        postrider_internal.predicate_for('array', types, format('@.size() %s %s', comparisons ->> keyword, argument))
      when comparisons ? keyword then
        postrider_internal.predicate_for('number', types, format('@ %s %s', comparisons ->> keyword, argument))
      when keyword = '$ref' then postrider_internal.schema_predicate(argument, postrider_internal.place_within(place, keyword))
      when keyword = 'not' then '!' || postrider_internal.schema_predicate(argument, postrider_internal.place_within(place, keyword))
      else postrider_internal.branches_predicate(keyword, argument, place) end;
  end loop;
  if checks ?| '{minLength,maxLength}' then
    parts := parts || postrider_internal.predicate_for('string', types,
      postrider_internal.length_predicate((checks -> 'minLength')::numeric, (checks -> 'maxLength')::numeric));
  end if;
  if checks ?| '{items,prefixItems,contains}' then
    parts := parts || postrider_internal.predicate_for('array', types, postrider_internal.array_predicate(checks, place));
  end if;
  if checks ?| '{properties,required,additionalProperties}' then
    parts := parts || postrider_internal.predicate_for('object', types, postrider_internal.object_predicate(checks, place));
  end if;
  return postrider_internal.conjunction(parts);
end
$$;
comment on function postrider_internal.schema_predicate(jsonb, text) is
  'An SQL/JSON path predicate: @ fits these checks, which are at that place of the whole. Null if that cannot be expressed.';
