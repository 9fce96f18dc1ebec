create or replace function postrider_internal.anchor_pointer(root jsonb, anchor text, pointer text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  pointers text[];
begin
  with recursive place as (
    select '' as pointer, root as value, false as is_map
    union all
    select p.pointer || postrider_internal.pointer_step(inner_part.name), inner_part.value,
           not p.is_map and inner_part.name in ('properties', '$defs', 'definitions')
    from place p
    cross join lateral (
      select e.key, e.value from jsonb_each(case when jsonb_typeof(p.value) = 'object' then p.value else '{}' end) e
      union all
      select (a.place - 1)::text, a.value
      from jsonb_array_elements(case when jsonb_typeof(p.value) = 'array' then p.value else '[]' end) with ordinality a (value, place)
    ) inner_part (name, value)
    -- What looks like an anchor in a value is data.
    where jsonb_typeof(inner_part.value) in ('object', 'array')
      and (p.is_map or inner_part.name not in ('enum', 'const', 'default', 'examples'))
      -- A fifth of the work: only what contains the anchor is taken apart.
      and jsonb_path_exists(inner_part.value, 'strict $.** ? (@."$anchor" == $anchor)', jsonb_build_object('anchor', anchor))
  )
  select array_agg(p.pointer) into pointers from place p where not p.is_map and p.value -> '$anchor' = to_jsonb(anchor);
  if cardinality(pointers) > 1 then
    perform postrider_internal.refuse_schema(pointer, format('refers to an anchor that is there %s times, %s', cardinality(pointers), to_json(left(anchor, 60))),
      'Give each place an $anchor that no other place has.');
  end if;
  return pointers[1];
end
$$;
comment on function postrider_internal.anchor_pointer(jsonb, text, text) is
  'Where in a JSON Schema the schema with this $anchor is, as a JSON pointer; null if there is none. pointer: the reference, for the error if there are several.';
