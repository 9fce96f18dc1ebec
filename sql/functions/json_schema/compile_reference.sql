create or replace function postrider_internal.compile_reference(reference text, root jsonb, pointer text, references_followed text[]) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  id constant text := split_part(root ->> '$id', '#', 1);
  -- Relative to its own address, the schema may also be referred to by its path, or by the last part of that.
  names constant text[] := array['', id, regexp_replace(id, '^[^/?#]*//[^/]*', ''), regexp_replace(id, '^.*/', '')];
  target text := postrider_internal.uri_decoded(substr(reference, strpos(reference || '#', '#') + 1));
  steps text[];
  shown text;
begin
  if (split_part(reference, '#', 1) = any (names)) is not true or target is null then
    perform postrider_internal.refuse_schema(pointer, 'must be a place of this schema, such as #/$defs/NAME', postrider_internal.keyword_advice('$ref'));
  elsif target ~ '^[^/]' then
    target := postrider_internal.anchor_pointer(root, target, pointer);
  end if;
  steps := array(
    select replace(replace(p.step, '~1', '/'), '~0', '~') from unnest((string_to_array(target, '/'))[2:]) with ordinality p (step, place) order by p.place);
  shown := to_json(left(case when reference ~ '^#/([$]defs|definitions)/[^/]+$' then steps[2] else reference end, 60))::text;
  if '#' || target = any (references_followed) then
    perform postrider_internal.refuse_schema(pointer, format('refers to the definition that it is part of, %s', shown),
      'A schema that contains itself is not supported: write out as many levels as there are, or leave the innermost open.');
  elsif target is null or root #> steps is null
    -- To Postgres, -1 is the last element of an array and 01 the second one; to a JSON pointer, they are none.
    or exists (
      select from generate_subscripts(steps, 1) n
      where jsonb_typeof(root #> steps[:n - 1]) = 'array' and steps[n] !~ '^(0|[1-9][0-9]*)$')
  then
    perform postrider_internal.refuse_schema(pointer, format('refers to a definition that is not there, %s', shown),
      postrider_internal.keyword_advice('$ref'));
  end if;
  return postrider_internal.compile_schema(root #> steps, root, target, references_followed || ('#' || target));
end
$$;
comment on function postrider_internal.compile_reference(text, jsonb, text, text[]) is
  'The checks of a place of a JSON Schema that it refers to.';
