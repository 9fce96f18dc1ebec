-- grant: execute to operator

create or replace function postrider_internal.parse_path(path text) returns jsonpath
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
-- What is left of SQL/JSON is paths whose cost grows with the payload and no faster. Nothing stops an evaluation in good
-- time, and the memory that it takes is the server's: each [0, 0] doubles what is found, each keyvalue() triples it, **
-- gives every subtree, a second $ inside a filter looks at the whole payload for each of its parts, and an expression
-- may be slow in a way that cannot be seen. Times and number() depend on the session, or write out 131,072 digits.
declare
  parsed jsonpath;
  written text;
  bare text; -- without what the strings and names say
  facts constant text[] := array['id', 'type', 'timestamp', 'tenant', 'ordering_key', 'attributes'];
  place constant text := '(?:\d+|last(?: - \d+)?)';
  root text[];
  problem text;
  advice text;
begin
  begin
    parsed := path::jsonpath;
  exception when syntax_error or data_exception or feature_not_supported then
    raise exception 'the path % is not an SQL/JSON path', path
      using errcode = 'check_violation', constraint = 'payload is a path or a template', schema = 'postrider', table = 'endpoint',
        detail = sqlerrm, hint = 'A path picks something, as $.order.id, $.items[*] or $event.id do. A name with a hyphen stands in double quotes: $."line-items". A text that begins with a dollar sign is written with two of them.';
  end;
  written := parsed::text;
  bare := regexp_replace(written, '"(?:[^"\\]|\\.)*"', '""', 'g');
  root := regexp_match(written, '^(?:strict )?[(]*\$"((?:[^"\\]|\\.)*)"(?:\."((?:[^"\\]|\\.)*)")?');
  if length(path) > 256 then
    problem := 'is longer than 256 characters';
  elsif root[1] <> 'event' then
    problem := 'has a variable that does not exist';
    advice := 'The only one is $event: $event.id, $event.type, $event.timestamp. A member of the payload has a dot: $.amount.';
  elsif root[1] is not null and bare !~ '^(?:strict )?\(*\$""(?:\.""|[) ]|$)' or root[2] <> all (facts) then
    problem := 'is none of what is known of the event';
    advice := format('That is %s.', (select string_agg('$event.' || f, ', ') from unnest(facts) f));
  elsif bare ~ '\$.*\$' then
    problem := 'begins anew at $';
    advice := 'A path begins once, and a filter looks at @: $.items[*] ? (@.price > 10).';
  elsif bare ~ '\*\*' then
    problem := 'searches at any depth';
    advice := 'Say where: $.order.id, $.order.*, $.items[*].id.';
  elsif bare ~ 'like_regex' then
    problem := 'has a regular expression';
    advice := 'Compare with ==, or with starts with. The filter of a subscription may have one.';
  elsif bare ~ '\.(?:datetime|date|time|time_tz|timestamp|timestamp_tz)\(' then
    problem := 'reads a time';
    advice := 'Compare times as texts, which works if all are written alike.';
  elsif bare ~ '\.(?:number|decimal)\(' then
    problem := 'makes a number that may have any number of digits';
    advice := 'Write .double().';
  elsif bare ~ 'keyvalue\(.*keyvalue\(' then
    problem := 'has keyvalue() twice';
  elsif regexp_replace(bare, format('\[(?:\*|%1$s(?: to %1$s)?)\]', place), '', 'g') ~ '\[' then
    problem := 'has something else in brackets than one place';
    advice := 'Write [0], [last], [last - 1], [0 to 2] or [*]. A member with a special name is $."line-items".';
  elsif bare ~ '(==|!=|<>|<=|>=|<|>)[ (+-]*@' then
    problem := 'compares two parts of the payload';
    advice := 'Compare with a value, which stands on the right: @.price > 10.';
  elsif (select count(*) from regexp_matches(bare, '==|!=|<>|<=|>=|<|>|starts with|exists|is unknown| [*/%+-] ', 'g')) > 10 then
    problem := 'has more than 10 comparisons and calculations';
  end if;
  if problem is not null then
    raise exception 'the path % %', path, problem
      using errcode = 'check_violation', constraint = 'payload is a path or a template', schema = 'postrider', table = 'endpoint',
        hint = coalesce(advice, 'Make it simpler, or prepare the payload where it is inserted.');
  end if;
  return parsed;
end
$$;
comment on function postrider_internal.parse_path(text) is
  'Reads a path of a transformation. Refuses one that is wrong, and one that could take long, with what to write instead.';
