create or replace function postrider_internal.check_filter(filter jsonpath) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
set standard_conforming_strings = on
as $$
declare
  -- As Postgres writes it: names and strings in double quotes, a blank around each operator.
  written constant text := filter::text;
  -- Without what the strings say.
  bare constant text := regexp_replace(written, '"(?:[^"\\]|\\.)*"', '""', 'g');
  by_name constant text := regexp_replace(written, '\["((?:[^"\\]|\\.)*)"\]', '."\1"', 'g');
  subscript constant text := '\[(?:[^][]*(?:,| to ))?';
  operator constant text := '(?:==|!=|<|>|<=|>=)';
  literal constant text := '(""|true|false|-?\d[\d.]*(?:e[-+]?\d+)?)';
  method constant text := '\.(\w+)\((?:""|[\d,]*)\)';
  path constant text := '\(*[$@](?:\.""|\[[^][]*\])*';
  -- What a method gives, and the other type with which it is compared, on whichever side that stands.
  mixed record;
  -- Members whose $. was forgotten.
  of_strings constant text := '(?:\(|&& |\|\| )"" (?:(?:==|!=|<|>|<=|>=|starts with) ""(?: &&| \|\||\))|like_regex )';
  types constant text[] := array['null', 'boolean', 'number', 'string', 'array', 'object', 'date', 'time without time zone',
    'time with time zone', 'timestamp without time zone', 'timestamp with time zone'];
  no_type constant text := (
    select t.found[1] from regexp_matches(written, '\.type\(\)\)* (?:==|!=) "((?:[^"\\]|\\.)*)"', 'g') t (found)
    where t.found[1] <> all (types) limit 1);
  problem text;
  advice text;
begin
  if bare ~ '\$""' then
    problem := 'has a variable, and no variable is ever set';
    advice := 'Write the value in its place, as in $.amount > 100. A member of the payload has a dot: $.amount.';
  elsif bare !~ '\$' or bare ~ of_strings then
    problem := 'does not look at the payload';
    advice := 'The payload is $, its members are $.amount and the like: $.amount > 100, $.status == "paid".';
  elsif bare ~ (subscript || '(?:""|true|false|null)') then
    problem := 'has something else in brackets than the number of an element, so it never matches';
    advice := case when by_name = written
      then 'Write the number of an element, as in $.items[0], and the name of a member after a dot, as in $.status.'
      else format('Write %s.', by_name) end;
  elsif bare ~ (subscript || '-\d') then
    problem := 'has a negative number in brackets, and so never matches';
    advice := 'Elements are counted from 0: [last] is the last one, [last - 1] the one before it.';
  elsif bare ~ (subscript || 'last \+ \d') then
    problem := 'has a place behind the last one in brackets, and so never matches';
    advice := '[last] is the last element, [last - 1] the one before it.';
  elsif bare ~ (' [-+*/%] [^]) ?]+\)* ' || operator || ' ""(?!\.)') or bare ~ ('(?:^|[( ])"" ' || operator || ' ' || path || ' [-+*/%] ') then
    problem := 'compares a number with a string, and so never matches';
    advice := 'Write the number without quotation marks, as in $.tags.size() > 1.';
  elsif no_type is not null then
    problem := format('compares type() with %s, which is none', to_json(no_type));
    advice := format('The types are %s.', array_to_string(types, ', '));
  else
    select m.type, c.type as other into mixed
    from (
      select l.method, case when l.literal = '""' then 'string' when l.literal in ('true', 'false') then 'boolean' else 'number' end
      from (
        select f.found[1], f.found[2] from regexp_matches(bare, method || '\)* ' || operator || ' ' || literal || '(?![.\w])', 'g') f (found)
        union all
        select f.found[2], f.found[1]
        from regexp_matches(bare, '(?:^|[( ])' || literal || ' ' || operator || ' ' || path || method || '(?![.[])', 'g') f (found)
        union all
        select f.found[1], '""' from regexp_matches(bare, method || '\)* (?:starts with|like_regex) ', 'g') f (found)) l (method, literal)) c (method, type)
    join (values ('number', '{size,abs,floor,ceiling,double,number,integer,bigint,decimal}'::text[]), ('boolean', '{boolean}'), ('string', '{string,type}'),
      ('time', '{datetime,date,time,time_tz,timestamp,timestamp_tz}')) m (type, methods) on c.method = any (m.methods) and c.type <> m.type
    limit 1;
    if found then
      problem := format('compares a %s with a %s, and so never matches', mixed.type, mixed.other);
      advice := case mixed.type
        when 'number' then 'Write the number without quotation marks, as in $.tags.size() > 1.'
        when 'time' then 'Make a time of both, as in $.at.datetime() > "2026-01-01".datetime(), or of neither.'
        when 'boolean' then 'Write true or false, without quotation marks.'
        else 'Write the string in quotation marks.' end;
    end if;
  end if;
  if problem is not null then
    raise exception 'the filter % %', written, problem using errcode = 'invalid_parameter_value', hint = advice;
  end if;
  begin
    perform jsonb_path_match('{}', filter);
  exception when data_exception then -- not a single item or, in strict mode, no such member
    raise exception 'the filter % is not a predicate', written
      using errcode = 'invalid_parameter_value',
        detail = 'It selects something from the payload; a filter says whether the payload matches.',
        hint = 'Compare: $.amount > 100, $.status == "paid", exists($.refund).';
  end;
end
$$;
comment on function postrider_internal.check_filter(jsonpath) is
  'Refuses a filter that is not a predicate, and one that can never match, with what to write instead.';
