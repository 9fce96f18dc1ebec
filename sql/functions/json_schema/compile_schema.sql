create or replace function postrider_internal.compile_schema(schema jsonb, root jsonb, pointer text, references_followed text[]) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- The walk through a payload nests as deeply, and PL/pgSQL functions can nest some hundred levels.
  depth_max constant integer := 32;
  -- Resolved references can double at each step.
  compiled_bytes_max constant integer := 131072;
  depth constant integer := coalesce(cardinality(references_followed), 0);
  keyword text;
  argument jsonb;
  problem text;
  part jsonb;
  compiled jsonb := '{}';
begin
  if depth > depth_max then
    perform postrider_internal.refuse_schema(left(pointer, 60), format('is nested deeper than %s levels', depth_max),
      'References that are followed count as levels.');
  elsif jsonb_typeof(schema) = 'boolean' then
    return case when schema = 'true' then '{}' else '{"type": []}' end;
  elsif jsonb_typeof(schema) <> 'object' then
    perform postrider_internal.refuse_schema(pointer, format('is not a schema but of the type %s', jsonb_typeof(schema)), 'A schema is an object, true or false.');
  end if;
  for keyword, argument in select k.key, k.value from jsonb_each(schema) k order by k.key loop
    problem := coalesce(postrider_internal.keyword_problem(keyword, argument),
      case when keyword = '$id' and pointer <> '' then 'is supported at the top of the schema only' end);
    if problem is not null then
      perform postrider_internal.refuse_schema(pointer || postrider_internal.pointer_step(keyword), problem, postrider_internal.keyword_advice(keyword));
    end if;
    part := case
      when keyword in ('properties', '$defs', 'definitions') then (
        select coalesce(jsonb_object_agg(p.key, postrider_internal.compile_schema(p.value, root,
                 pointer || postrider_internal.pointer_step(keyword) || postrider_internal.pointer_step(p.key), references_followed || null::text)), '{}')
        from jsonb_each(argument) p)
      when keyword in ('anyOf', 'allOf', 'oneOf', 'prefixItems') then (
        select jsonb_agg(postrider_internal.compile_schema(s.value, root,
                 pointer || postrider_internal.pointer_step(keyword) || postrider_internal.pointer_step((s.place - 1)::text), references_followed || null::text)
                 order by s.place)
        from jsonb_array_elements(argument) with ordinality s (value, place))
      when keyword in ('items', 'additionalProperties', 'not', 'contains') then
        postrider_internal.compile_schema(argument, root, pointer || postrider_internal.pointer_step(keyword), references_followed || null::text)
      when keyword = '$ref' then
        postrider_internal.compile_reference(argument #>> '{}', root, pointer || postrider_internal.pointer_step(keyword), references_followed)
      when keyword = 'type' and jsonb_typeof(argument) = 'string' then jsonb_build_array(argument)
      when keyword in ('type', 'required', 'enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum',
                       'minLength', 'maxLength', 'minItems', 'maxItems', 'minContains', 'maxContains') then argument
      end;
    -- Definitions were read only to find errors; they count where they are referred to.
    if part is not null and keyword not in ('$defs', 'definitions') then
      compiled := compiled || jsonb_build_object(keyword, part);
    end if;
    if pg_column_size(compiled) > compiled_bytes_max then
      perform postrider_internal.refuse_schema(pointer, format('is larger than %s bytes once its references are written out', compiled_bytes_max),
        'Refer to fewer definitions, or leave a branch of the schema open.');
    end if;
  end loop;
  if compiled ?& '{properties,additionalProperties}' then
    -- The names as a list, which a predicate compares in one step.
    compiled := compiled || jsonb_build_object('known', (select coalesce(jsonb_agg(k.name), '[]') from jsonb_object_keys(compiled -> 'properties') k (name)));
  end if;
  return compiled;
end
$$;
comment on function postrider_internal.compile_schema(jsonb, jsonb, text, text[]) is
  'The checks of a JSON Schema, with references resolved. Raises an error for what is outside the subset. references_followed: one element a level, the reference if the level is one.';
