create or replace function postrider_internal.place_within(place text, name text) returns text
language sql immutable parallel safe
return case when place = '$' then '$' else place || '.' end || to_json(name);
comment on function postrider_internal.place_within(text, text) is
  'Where a part of the checks is, as a variable of SQL/JSON path: a predicate runs with the checks as its variables.';
