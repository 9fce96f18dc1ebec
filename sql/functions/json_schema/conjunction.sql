create or replace function postrider_internal.conjunction(predicates text[]) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case when predicates = '{}' then '(1 == 1)' when array_position(predicates, null) is null then '(' || array_to_string(predicates, ' && ') || ')' end;
comment on function postrider_internal.conjunction(text[]) is
  'All of these SQL/JSON path predicates at once; null if one of them cannot be expressed.';
