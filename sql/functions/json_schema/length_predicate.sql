create or replace function postrider_internal.length_predicate(minimum numeric, maximum numeric) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- A text of at most 3 does not begin with 4: a third of what "^.{0,3}$" takes, whose every prefix may be the end. A
-- regular expression counts to 255.
return case when greatest(minimum, maximum + 1) <= 255 then '(' || concat_ws(' && ',
    case when minimum = 0 then '1 == 1' when minimum = 1 then '@ != ""' when minimum > 1 then format('@ like_regex "^.{%s}" flag "s"', minimum::integer) end,
    case when maximum = 0 then '@ == ""' when maximum > 0 then format('!(@ like_regex "^.{%s}" flag "s")', maximum::integer + 1) end) || ')' end;
comment on function postrider_internal.length_predicate(numeric, numeric) is
  'A predicate of SQL/JSON path: the text @ has so many characters, one of the bounds may be null; null where that cannot be expressed.';
