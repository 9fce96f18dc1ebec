create or replace function postrider_internal.length_predicate(minimum numeric, maximum numeric) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- "At most 3 characters" is written as "does not begin with 4": that takes a third of "^.{0,3}$", which tries every
-- prefix. A regular expression counts to 255.
return case when greatest(minimum, maximum + 1) <= 255 then '(' || concat_ws(' && ',
    case when minimum = 0 then '1 == 1' when minimum = 1 then '@ != ""' when minimum > 1 then format('@ like_regex "^.{%s}" flag "s"', minimum::integer) end,
    case when maximum = 0 then '@ == ""' when maximum > 0 then format('!(@ like_regex "^.{%s}" flag "s")', maximum::integer + 1) end) || ')' end;
comment on function postrider_internal.length_predicate(numeric, numeric) is
  'An SQL/JSON path predicate: the length of the text @ is within the bounds, either of which may be null. Null if that cannot be expressed.';
