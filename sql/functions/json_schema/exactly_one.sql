create or replace function postrider_internal.exactly_one(predicates text[]) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  half constant integer := (cardinality(predicates) + 1) / 2;
begin
  if cardinality(predicates) = 1 then
    return predicates[1];
  end if;
  -- One half has one that is true and the other half has none. By halves, each predicate is written once a level; in
  -- pairs, it would be written once for each of the others.
  return format('((%s && !(%s)) || (!(%s) && %s))',
    postrider_internal.exactly_one(predicates[:half]), array_to_string(predicates[half + 1:], ' || '),
    array_to_string(predicates[:half], ' || '), postrider_internal.exactly_one(predicates[half + 1:]));
end
$$;
comment on function postrider_internal.exactly_one(text[]) is
  'An SQL/JSON path predicate: exactly one of these is true. None may be null.';
