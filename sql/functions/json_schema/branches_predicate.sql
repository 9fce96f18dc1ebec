create or replace function postrider_internal.branches_predicate(keyword text, branches jsonb, place text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- oneOf repeats its branches, so the text can double at each level.
  predicate_chars_max constant integer := 262144;
  -- Each branch nests the predicate deeper.
  one_of_max constant integer := 500;
  predicates constant text[] := array(
    select postrider_internal.schema_predicate(b.value, format('%s[%s]', postrider_internal.place_within(branches_predicate.place, keyword), b.n - 1))
    from jsonb_array_elements(branches) with ordinality b (value, n) order by b.n);
begin
  return case
    when array_position(predicates, null) is not null then null
    when keyword = 'allOf' then postrider_internal.conjunction(predicates)
    when keyword = 'anyOf' then '(' || array_to_string(predicates, ' || ') || ')'
    when cardinality(predicates) <= one_of_max
      and length(array_to_string(predicates, '')) * (1 + postrider_internal.halvings(cardinality(predicates))) <= predicate_chars_max
    then postrider_internal.exactly_one(predicates) end;
end
$$;
comment on function postrider_internal.branches_predicate(text, jsonb, text) is
  'An SQL/JSON path predicate: @ fits as many of these branches as allOf, anyOf or oneOf says. Null if that cannot be expressed. place: of the schema that has them.';
