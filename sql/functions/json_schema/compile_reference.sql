create or replace function postrider_internal.compile_reference(reference text, root jsonb, pointer text, references_followed text[]) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  name constant text := replace(replace(substring(reference from '^#/[$]defs/(.*)$'), '~1', '/'), '~0', '~');
begin
  if name = any (references_followed) then
    perform postrider_internal.refuse_schema(pointer, format('refers to the definition that it is part of, %s', to_json(left(name, 60))),
      'A schema that contains itself is not supported: write out as many levels as there are, or leave the innermost open.');
  elsif not coalesce(root -> '$defs' ? name, false) then
    perform postrider_internal.refuse_schema(pointer, format('refers to a definition that is not there, %s', to_json(left(name, 60))),
      postrider_internal.keyword_advice('$ref'));
  end if;
  return postrider_internal.compile_schema(root -> '$defs' -> name, root, '/$defs' || postrider_internal.pointer_step(name), references_followed || name);
end
$$;
comment on function postrider_internal.compile_reference(text, jsonb, text, text[]) is
  'The checks of a definition that a JSON Schema refers to.';
