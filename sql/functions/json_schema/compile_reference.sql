create or replace function postrider_internal.compile_reference(reference text, root jsonb, pointer text, references_followed text[]) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  steps constant text[] := array(
    select replace(replace(p.step, '~1', '/'), '~0', '~') from unnest((string_to_array(reference, '/'))[2:]) with ordinality p (step, place) order by p.place);
  shown constant text := to_json(left(case when reference ~ '^#/([$]defs|definitions)/[^/]+$' then steps[2] else reference end, 60))::text;
begin
  if reference = any (references_followed) then
    perform postrider_internal.refuse_schema(pointer, format('refers to the definition that it is part of, %s', shown),
      'A schema that contains itself is not supported: write out as many levels as there are, or leave the innermost open.');
  elsif root #> steps is null then
    perform postrider_internal.refuse_schema(pointer, format('refers to a definition that is not there, %s', shown),
      postrider_internal.keyword_advice('$ref'));
  end if;
  return postrider_internal.compile_schema(root #> steps, root, substr(reference, 2), references_followed || reference);
end
$$;
comment on function postrider_internal.compile_reference(text, jsonb, text, text[]) is
  'The checks of a place of a JSON Schema that it refers to.';
