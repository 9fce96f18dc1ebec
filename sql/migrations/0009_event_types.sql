-- The catalogue of event types: what each is, which payloads it takes, and whether others are refused.
-- locks: postrider.outbox against writing, for a moment, to add a trigger
-- breaking: no
--
-- Who does not use it, pays nothing by the row. The trigger on the outbox fires where
--   (event_type = any (postrider.judged_event_types())) is not false
-- and judged_event_types() is a constant: a function that is written anew when the set of enforced types changes. Postgres
-- evaluates it once a statement, when it prepares the condition: 1 us, and nothing for each row. Reading a table there
-- took 4 us a statement. A trigger that is made while something is enforced would wait for every open transaction that
-- has inserted, with all inserts behind it; writing a function locks nothing that an insert takes.
--
-- What is enforced is twice compiled when it is defined. "checks" is the schema without its annotations and with its
-- references written out: what postrider.payload_problem walks through. "predicate" is the same as an SQL/JSON path, which
-- Postgres judges four times as fast. A payload that the predicate takes is in; only one that it does not take is walked
-- through, and that verdict counts and has the reason. A schema that no path can express has no predicate.
--
-- The work is bounded, whatever schema and payload are. A path that runs cannot be stopped but by a timeout: so the most
-- that it can take is counted beforehand (predicate_steps), and where that is too much it does not run. The walk counts
-- while it goes. What neither of them can do is refused as too much to be checked.
--
-- Edits of the catalogue wait for each other, at the row of postrider.event_type_policy, from their first statement on:
-- otherwise two of them could each write the list without what the other enforces. No insert waits there.

create table postrider.event_type (
  name text not null,
  description text,
  json_schema jsonb,
  enforce boolean not null default false,
  deprecated boolean not null default false,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  checks jsonb,
  predicate jsonpath,
  value_steps bigint,
  object_steps bigint,
  byte_steps bigint,
  constraint event_type_pkey primary key (name),
  constraint "name is dotted words of letters, digits, underscores"
    check (name ~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$' and length(name) <= 255),
  constraint "types that begin with postrider. are Postrider's own" check (name !~ '^postrider\.'),
  constraint "description has at most 10000 characters" check (length(description) <= 10000),
  constraint "only what has a schema is enforced" check (not enforce or json_schema is not null)
);
comment on table postrider.event_type is
  'The catalogue of event types. Written by postrider.define_event_type and drop_event_type, or by hand; daemons do not need it.';
comment on column postrider.event_type.name is 'The event type, as in postrider.outbox.event_type.';
comment on column postrider.event_type.description is 'What the event says, for people.';
comment on column postrider.event_type.json_schema is 'What its payloads look like: JSON Schema (2020-12), of the subset in sql/README.md. Null where that is not said.';
comment on column postrider.event_type.enforce is 'Whether an insert fails whose payload does not fit the schema.';
comment on column postrider.event_type.deprecated is 'Whether it is to be used no more. For people and generated code; inserts go on.';
comment on column postrider.event_type.created_at is 'When it was defined first.';
comment on column postrider.event_type.updated_at is 'When its definition was changed last. Kept by a trigger.';
comment on column postrider.event_type.checks is 'The schema as it is checked: without annotations, references written out. Kept by a trigger.';
comment on column postrider.event_type.predicate is 'The same as an SQL/JSON path that finds something in a payload that fits; null where no path can express it. Kept by a trigger.';
comment on column postrider.event_type.value_steps is 'How many steps of 0.05 us the predicate takes for a value of a payload, at most. Kept by a trigger.';
comment on column postrider.event_type.object_steps is 'How many it takes for an object besides, at most. Kept by a trigger.';
comment on column postrider.event_type.byte_steps is 'How many it takes for a byte besides, at most. Kept by a trigger.';

create table postrider.event_type_policy (
  only_row boolean not null default true,
  unknown_types text not null default 'allowed',
  changed_at timestamptz not null default clock_timestamp(),
  constraint event_type_policy_pkey primary key (only_row),
  constraint "there is one row" check (only_row),
  constraint "unknown_types is allowed or refused" check (unknown_types in ('allowed', 'refused'))
);
insert into postrider.event_type_policy default values;
comment on table postrider.event_type_policy is
  'One row: what becomes of events whose type is not in the catalogue. Set by postrider.refuse_unknown_event_types and allow_unknown_event_types, or by hand.';
comment on column postrider.event_type_policy.only_row is 'True.';
comment on column postrider.event_type_policy.unknown_types is 'allowed, or refused: an insert fails whose event type is not in postrider.event_type. Postrider''s own (postrider.*) are never refused.';
comment on column postrider.event_type_policy.changed_at is 'When this row or the catalogue was changed last. Kept by triggers.';

-- Reading a schema ------------------------------------------------------------------------------------------------

create function postrider.pointer_step(name text) returns text
language sql immutable parallel safe
return '/' || replace(replace(name, '~', '~0'), '/', '~1');
comment on function postrider.pointer_step(text) is 'A further step of a JSON pointer (RFC 6901).';

create function postrider.shown_pointer(pointer text) returns text
language sql immutable parallel safe
-- Names of properties come from outside: as JSON none of them breaks a line of a log.
return to_json(case when length(pointer) <= 200 then pointer else left(pointer, 100) || '...' || right(pointer, 99) end)::text;
comment on function postrider.shown_pointer(text) is 'A JSON pointer as it is shown: quoted, and of bounded length.';

create function postrider.is_count(value jsonb) returns boolean
language sql immutable parallel safe
return case when jsonb_typeof(value) = 'number' then (value)::numeric between 0 and 2147483647 and (value)::numeric % 1 = 0 else false end;
comment on function postrider.is_count(jsonb) is 'Whether this is a whole number that is not negative.';

create function postrider.keyword_problem(keyword text, argument jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case
  when keyword in ('$schema', '$id', '$comment', 'title', 'description', 'default', 'examples', 'deprecated', 'readOnly', 'writeOnly', 'format', 'const')
    then null
  when keyword = 'type' then
    case when jsonb_typeof(argument) not in ('string', 'array') or argument = '[]'
           or exists (select from jsonb_path_query(argument, 'lax $[*]') t (name)
                      where jsonb_typeof(t.name) <> 'string'
                        or t.name #>> '{}' not in ('null', 'boolean', 'object', 'array', 'number', 'integer', 'string'))
         then 'must be null, boolean, object, array, number, integer or string, or a list of these' end
  when keyword in ('properties', '$defs') then
    case when jsonb_typeof(argument) <> 'object' then 'must be an object of schemas' end
  when keyword in ('items', 'additionalProperties') then
    case when jsonb_typeof(argument) not in ('object', 'boolean') then 'must be a schema' end
  when keyword = 'required' then
    case when jsonb_typeof(argument) <> 'array' or jsonb_path_exists(argument, 'strict $[*] ? (@.type() != "string")')
         then 'must be a list of names' end
  when keyword in ('enum', 'anyOf', 'allOf') then
    case when jsonb_typeof(argument) <> 'array' or argument = '[]' then 'must be a list that is not empty' end
  when keyword in ('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum') then
    case when jsonb_typeof(argument) <> 'number' then 'must be a number' end
  when keyword in ('minLength', 'maxLength', 'minItems', 'maxItems') then
    case when not postrider.is_count(argument) then 'must be a whole number of 0 to 2147483647' end
  when keyword = '$ref' then
    case when jsonb_typeof(argument) <> 'string' or argument #>> '{}' !~ '^#/\$defs/[^/%]+$'
         then 'must have the form #/$defs/NAME' end
  else 'is not supported' end;
comment on function postrider.keyword_problem(text, jsonb) is
  'What is wrong with a keyword of JSON Schema: that it is outside of the subset, or that its value makes no sense; null where nothing is.';

create function postrider.keyword_advice(keyword text) returns text
language sql immutable parallel safe
return case
  when keyword in ('pattern', 'patternProperties')
    then 'Regular expressions of Postgres are not those of JSON Schema, and can be made to run for long. Leave it out, and check that in the application.'
  when keyword = 'oneOf' then 'Write anyOf; a property with a const in each of its schemas tells them apart.'
  when keyword = 'definitions' then 'Write $defs, and #/$defs/NAME where it is referred to.'
  when keyword in ('$ref', '$defs', '$id') then 'Put what is referred to into $defs at the top of the schema; no other reference is followed.'
  when keyword = 'items' then 'A list of schemas, one an element, is not supported.'
  else 'The keywords that are checked, and those that are let through, are in sql/README.md. Leave the others out, and check that in the application.' end;
comment on function postrider.keyword_advice(text) is 'What to do about a keyword of JSON Schema that was refused.';

create function postrider.refuse_schema(pointer text, problem text, advice text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception '%', concat_ws(' ', 'its JSON Schema,', 'at ' || postrider.shown_pointer(pointer) || ',', problem)
    using errcode = 'invalid_parameter_value', hint = advice;
end
$$;
comment on function postrider.refuse_schema(text, text, text) is 'Raises what is wrong with a JSON Schema, where, and what to do.';

create function postrider.compile_schema(schema jsonb, root jsonb, pointer text, references_followed text[]) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- the walk through a payload nests as deeply, and functions of PL/pgSQL can nest some hundred levels
  depth_max constant integer := 32;
  -- references that are written out can double at each step
  compiled_bytes_max constant integer := 131072;
  depth constant integer := coalesce(cardinality(references_followed), 0);
  keyword text;
  argument jsonb;
  problem text;
  part jsonb;
  compiled jsonb := '{}';
begin
  if depth > depth_max then
    perform postrider.refuse_schema(left(pointer, 60), format('is nested deeper than %s levels', depth_max),
      'References that are followed count as levels.');
  elsif jsonb_typeof(schema) = 'boolean' then
    return case when schema = 'true' then '{}' else '{"type": []}' end;
  elsif jsonb_typeof(schema) <> 'object' then
    perform postrider.refuse_schema(pointer, format('is no schema, but of the type %s', jsonb_typeof(schema)), 'A schema is an object, true or false.');
  end if;
  for keyword, argument in select k.key, k.value from jsonb_each(schema) k order by k.key loop
    problem := coalesce(postrider.keyword_problem(keyword, argument),
      case when keyword in ('$defs', '$id') and pointer <> '' then 'is supported at the top of the schema only' end);
    if problem is not null then
      perform postrider.refuse_schema(pointer || postrider.pointer_step(keyword), problem, postrider.keyword_advice(keyword));
    end if;
    part := case
      when keyword in ('properties', '$defs') then (
        select coalesce(jsonb_object_agg(p.key, postrider.compile_schema(p.value, root,
                 pointer || postrider.pointer_step(keyword) || postrider.pointer_step(p.key), references_followed || null::text)), '{}')
        from jsonb_each(argument) p)
      when keyword in ('anyOf', 'allOf') then (
        select jsonb_agg(postrider.compile_schema(s.value, root,
                 pointer || postrider.pointer_step(keyword) || postrider.pointer_step((s.place - 1)::text), references_followed || null::text)
                 order by s.place)
        from jsonb_array_elements(argument) with ordinality s (value, place))
      when keyword in ('items', 'additionalProperties') then
        postrider.compile_schema(argument, root, pointer || postrider.pointer_step(keyword), references_followed || null::text)
      when keyword = '$ref' then
        postrider.compile_reference(argument #>> '{}', root, pointer || postrider.pointer_step(keyword), references_followed)
      when keyword = 'type' and jsonb_typeof(argument) = 'string' then jsonb_build_array(argument)
      when keyword in ('type', 'required', 'enum', 'const', 'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum',
                       'minLength', 'maxLength', 'minItems', 'maxItems') then argument
      end;
    -- definitions were read for what is wrong with them; they count where they are referred to
    if part is not null and keyword <> '$defs' then
      compiled := compiled || jsonb_build_object(keyword, part);
    end if;
    if pg_column_size(compiled) > compiled_bytes_max then
      perform postrider.refuse_schema(pointer, format('is larger than %s bytes once its references are written out', compiled_bytes_max),
        'Refer to fewer definitions, or leave a branch of the schema open.');
    end if;
  end loop;
  if compiled ?& '{properties,additionalProperties}' then
    -- the names as a list, with which a predicate compares at once
    compiled := compiled || jsonb_build_object('known', (select coalesce(jsonb_agg(k.name), '[]') from jsonb_object_keys(compiled -> 'properties') k (name)));
  end if;
  return compiled;
end
$$;
comment on function postrider.compile_schema(jsonb, jsonb, text, text[]) is
  'What of a JSON Schema is checked, with references written out; raises where it is not of the subset. references_followed: one element a level, the name of the definition where the level is a reference.';

create function postrider.compile_reference(reference text, root jsonb, pointer text, references_followed text[]) returns jsonb
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  name constant text := replace(replace(substring(reference from '^#/\$defs/(.*)$'), '~1', '/'), '~0', '~');
begin
  if name = any (references_followed) then
    perform postrider.refuse_schema(pointer, format('refers to the definition that it is part of, %s', to_json(left(name, 60))),
      'A schema that contains itself is not supported: write out as many levels as there are, or leave the innermost open.');
  elsif not coalesce(root -> '$defs' ? name, false) then
    perform postrider.refuse_schema(pointer, format('refers to a definition that is not there, %s', to_json(left(name, 60))),
      postrider.keyword_advice('$ref'));
  end if;
  return postrider.compile_schema(root -> '$defs' -> name, root, '/$defs' || postrider.pointer_step(name), references_followed || name);
end
$$;
comment on function postrider.compile_reference(text, jsonb, text, text[]) is 'What is checked of a definition that a JSON Schema refers to.';

-- The predicate ---------------------------------------------------------------------------------------------------
--
-- In strict mode, for lax unwraps lists. There a path that finds nothing is an error, and a predicate over it unknown:
-- so "has no x" is ((exists (@."x")) is unknown), and each comparison first asks for the type. Thus none of it is unknown
-- but where it asks for that, and "not" can be relied upon.

create function postrider.type_predicate(types jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (
  select '(' || coalesce(string_agg(case t.name when 'integer' then '(@.type() == "number" && @.floor() == @)'
                                    else format('@.type() == "%s"', t.name) end, ' || '), '1 == 2') || ')'
  from jsonb_array_elements_text(types) t (name));
comment on function postrider.type_predicate(jsonb) is 'A predicate of SQL/JSON path: @ is of one of these types of JSON Schema.';

create function postrider.predicate_for(kind text, types jsonb, predicate text) returns text
language sql immutable parallel safe
-- The type is asked for but once: it stands before everything else.
return case when types = jsonb_build_array(kind) then predicate else format('(@.type() != "%s" || ', kind) || predicate || ')' end;
comment on function postrider.predicate_for(text, jsonb, text) is
  'A predicate of SQL/JSON path: if @ is of that type, then this. types: those that @ is known to be one of; null for all.';

create function postrider.place_within(place text, name text) returns text
language sql immutable parallel safe
return case when place = '$' then '$' else place || '.' end || to_json(name);
comment on function postrider.place_within(text, text) is
  'Where a part of the checks is, as a variable of SQL/JSON path: a predicate is judged with the checks as its variables.';

create function postrider.is_listed(options jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- Fewer are as quick one by one.
return jsonb_array_length(options) > 4 and (
  select count(distinct jsonb_typeof(o.value)) = 1 from jsonb_array_elements(options) o (value) where o.value <> 'null');
comment on function postrider.is_listed(jsonb) is 'Whether a predicate compares with these values as a list, because they are many and, but for null, of one type.';

create function postrider.equality_predicate(options jsonb, place text) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- A list takes 0.05 us an option. One by one it is 0.2 us, and each further one nests the predicate deeper.
return (
  select case
    when bool_or(k.kind in ('object', 'array')) then null
    when postrider.is_listed(options) then
      '(' || case when bool_or(k.kind = 'null') then '@ == null || ' else '' end
      || format('@.type() == "%s" && @ == %s[*])', max(k.kind) filter (where k.kind <> 'null'), place)
    when sum(k.members) <= 500 then
      '(' || string_agg(format('(@.type() == "%s" && (%s))', k.kind, k.equalities), ' || ') || ')' end
  from (
    select jsonb_typeof(o.value) as kind, count(*) as members, string_agg(format('@ == %s', o.value), ' || ') as equalities
    from jsonb_array_elements(options) o (value)
    group by jsonb_typeof(o.value)) k);
comment on function postrider.equality_predicate(jsonb, text) is
  'A predicate of SQL/JSON path: @ is one of these, which are in that place of the checks; null where that cannot be expressed, as with lists and objects.';

create function postrider.length_predicate(minimum numeric, maximum numeric) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- A text of at most 3 does not begin with 4: a third of what "^.{0,3}$" takes, whose every prefix may be the end. A
-- regular expression counts to 255.
return case when greatest(minimum, maximum + 1) <= 255 then '(' || concat_ws(' && ',
    case when minimum = 0 then '1 == 1' when minimum = 1 then '@ != ""' when minimum > 1 then format('@ like_regex "^.{%s}" flag "s"', minimum::integer) end,
    case when maximum = 0 then '@ == ""' when maximum > 0 then format('!(@ like_regex "^.{%s}" flag "s")', maximum::integer + 1) end) || ')' end;
comment on function postrider.length_predicate(numeric, numeric) is
  'A predicate of SQL/JSON path: the text @ has so many characters, one of the bounds may be null; null where that cannot be expressed.';

create function postrider.object_predicate(checks jsonb, place text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  -- each further one nests the predicate deeper
  properties_max constant integer := 500;
  parts text[];
begin
  if (select count(*) from jsonb_object_keys(checks -> 'properties')) > properties_max
    or jsonb_array_length(checks -> 'required') > properties_max
  then
    return null;
  end if;
  parts := array(
    select format('!((exists (@.%s)) is unknown)', to_json(r.name)) from jsonb_array_elements_text(checks -> 'required') r (name))
  || array(
    select format('((exists (@.%1$s)) is unknown || exists (@.%1$s ? ', to_json(p.key)) || postrider.schema_predicate(p.value, postrider.place_within(postrider.place_within(place, 'properties'), p.key)) || '))'
    from jsonb_each(checks -> 'properties') p);
  if checks ? 'additionalProperties' then
    parts := parts || ('!(exists (@.keyvalue() ? ('
      || case when checks -> 'known' <> '[]' then format('!(@.key == %s[*]) && ', postrider.place_within(place, 'known')) else '' end
      || '!(exists (@.value ? ' || postrider.schema_predicate(checks -> 'additionalProperties', postrider.place_within(place, 'additionalProperties')) || ')))))');
  end if;
  return postrider.conjunction(parts);
end
$$;
comment on function postrider.object_predicate(jsonb, text) is
  'A predicate of SQL/JSON path: the object @ has the properties that it must and may have; null where that cannot be expressed.';

create function postrider.conjunction(predicates text[]) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case when predicates = '{}' then '(1 == 1)' when array_position(predicates, null) is null then '(' || array_to_string(predicates, ' && ') || ')' end;
comment on function postrider.conjunction(text[]) is 'All of these predicates of SQL/JSON path; null where one of them cannot be expressed.';

create function postrider.schema_predicate(checks jsonb, place text) returns text
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  types constant jsonb := checks -> 'type';
  comparisons constant jsonb := '{"minimum": ">=", "maximum": "<=", "exclusiveMinimum": ">", "exclusiveMaximum": "<", "minItems": ">=", "maxItems": "<="}';
  keyword text;
  argument jsonb;
  branches text[];
  parts text[] := '{}';
begin
  if types is not null then
    parts := parts || postrider.type_predicate(types);
  end if;
  for keyword, argument in select k.key, k.value from jsonb_each(checks) k loop
    continue when keyword in ('type', 'properties', 'required', 'additionalProperties', 'known', 'minLength', 'maxLength');
    if keyword in ('anyOf', 'allOf') then
      branches := array(
        select postrider.schema_predicate(b.value, format('%s[%s]', postrider.place_within(schema_predicate.place, keyword), b.n - 1))
        from jsonb_array_elements(argument) with ordinality b (value, n) order by b.n);
    end if;
    parts := parts || case
      when keyword = 'enum' then postrider.equality_predicate(argument, postrider.place_within(place, keyword))
      when keyword = 'const' then postrider.equality_predicate(jsonb_build_array(argument), null)
      when keyword in ('minItems', 'maxItems') then
        postrider.predicate_for('array', types, format('@.size() %s %s', comparisons ->> keyword, argument))
      when comparisons ? keyword then
        postrider.predicate_for('number', types, format('@ %s %s', comparisons ->> keyword, argument))
      when keyword = 'items' then
        postrider.predicate_for('array', types, '!(exists (@[*] ? (!' || postrider.schema_predicate(argument, postrider.place_within(place, keyword)) || ')))')
      when keyword = '$ref' then postrider.schema_predicate(argument, postrider.place_within(place, keyword))
      when keyword = 'allOf' then postrider.conjunction(branches)
      when array_position(branches, null) is null then '(' || array_to_string(branches, ' || ') || ')' end;
  end loop;
  if checks ?| '{minLength,maxLength}' then
    parts := parts || postrider.predicate_for('string', types,
      postrider.length_predicate((checks -> 'minLength')::numeric, (checks -> 'maxLength')::numeric));
  end if;
  if checks ?| '{properties,required,additionalProperties}' then
    parts := parts || postrider.predicate_for('object', types, postrider.object_predicate(checks, place));
  end if;
  return postrider.conjunction(parts);
end
$$;
comment on function postrider.schema_predicate(jsonb, text) is
  'A predicate of SQL/JSON path: @ fits these checks, which are in that place of the whole; null where that cannot be expressed.';

create function postrider.predicate_steps(checks jsonb, out value_steps bigint, out object_steps bigint, out byte_steps bigint)
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  names constant integer := coalesce(jsonb_array_length(checks -> 'known'), 0);
  options constant integer := coalesce(jsonb_array_length(checks -> 'enum'), 0);
  bounds constant integer := (select count(*) from jsonb_object_keys(checks) k (name) where k.name ~ '^(min|max|exclusive|const)');
  inside record;
  branches record;
begin
  value_steps := 10 + 4 * coalesce(jsonb_array_length(checks -> 'type'), 0) + 10 * bounds
    + case when options = 0 then 0 when postrider.is_listed(checks -> 'enum') then 10 + options * 4 / 5 else 4 * options end;
  object_steps := 6 * (select count(*) from jsonb_object_keys(checks -> 'properties')) + 4 * coalesce(jsonb_array_length(checks -> 'required'), 0);
  -- a regular expression makes a state of each character that it counts
  byte_steps := case when (checks -> 'minLength')::numeric > 1 then 4 else 0 end + case when checks ? 'maxLength' then 4 else 0 end;
  -- What is inside has a place of its own: a value is judged by the dearest at most.
  select coalesce(max(c.value_steps), 0) + case when checks ? 'additionalProperties' then 40 + names * 4 / 5 else 0 end as value_steps,
         coalesce(max(c.object_steps), 0) as object_steps, coalesce(max(c.byte_steps), 0) as byte_steps
  into inside
  from (
    select p.value from jsonb_each(checks -> 'properties') p
    union all select i.value from jsonb_each(checks) i where i.key in ('items', 'additionalProperties')) part (schema)
  cross join lateral postrider.predicate_steps(part.schema) c;
  -- These judge the same value, each of them.
  select coalesce(sum(c.value_steps), 0) as value_steps, coalesce(sum(c.object_steps), 0) as object_steps, coalesce(sum(c.byte_steps), 0) as byte_steps
  into branches
  from (
    select checks -> '$ref' where checks ? '$ref'
    union all select a.value from jsonb_array_elements(checks -> 'anyOf') a
    union all select a.value from jsonb_array_elements(checks -> 'allOf') a) part (schema)
  cross join lateral postrider.predicate_steps(part.schema) c;
  value_steps := greatest(value_steps, inside.value_steps) + branches.value_steps;
  object_steps := greatest(object_steps, inside.object_steps) + branches.object_steps;
  byte_steps := greatest(byte_steps, inside.byte_steps) + branches.byte_steps;
end
$$;
comment on function postrider.predicate_steps(jsonb) is
  'How many steps of 0.05 us a predicate for these checks takes for each value of a payload, each object besides, and each byte, at most.';

create function postrider.payload_steps(payload text, value_steps bigint, object_steps bigint, byte_steps bigint) returns bigint
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- Values and objects are counted by the characters that come with each; where these stand in strings, it is too many.
-- Of long texts and numbers 64 bytes are as much work as another value.
return (
  select value_steps * (1 + n.commas + n.arrays + n.objects + n.bytes / 64) + object_steps * n.objects + byte_steps * n.bytes
  from (
    select octet_length(payload) as bytes,
           octet_length(payload) - octet_length(replace(payload, ',', '')) as commas,
           octet_length(payload) - octet_length(replace(payload, '[', '')) as arrays,
           octet_length(payload) - octet_length(replace(payload, '{', '')) as objects) n);
comment on function postrider.payload_steps(text, bigint, bigint, bigint) is 'How many steps a predicate takes to judge a payload, at most.';

-- The walk --------------------------------------------------------------------------------------------------------
--
-- What it says goes to the application's log: where in the payload, what was expected, of which kind and length what was
-- found is. Never a value of the payload.
--
-- No function of the walk pins its search_path, which would cost each value 3 us: it has that of judge_payload.
-- They call each other in assignments, which are half as dear as "select into".

create function postrider.shown_value(value jsonb) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return case jsonb_typeof(value)
  when 'string' then format('a string of %s characters', length(value #>> '{}'))
  when 'number' then case when min_scale((value)::numeric) = 0 then 'an integer' else 'a number that is no integer' end
  when 'array' then format('an array of %s', jsonb_array_length(value))
  when 'object' then 'an object' when 'boolean' then 'a boolean' else 'null' end;
comment on function postrider.shown_value(jsonb) is 'Of which kind and length a value of a payload is, without the value.';

create function postrider.is_option(options jsonb, value jsonb) returns boolean
language sql immutable parallel safe
-- Of an array a scalar is contained that is one of its elements: 10 ns each. Lists contain one another by other rules.
return case when jsonb_typeof(value) not in ('array', 'object') then options @> value
  else exists (select from jsonb_array_elements(options) o (option) where o.option = value) end;
comment on function postrider.is_option(jsonb, jsonb) is 'Whether a value is one of a list.';

create function postrider.scalar_problem(checks jsonb, value jsonb) returns text
language plpgsql immutable
as $$
#variable_conflict use_variable
declare
  kind constant text := jsonb_typeof(value);
  types constant jsonb := checks -> 'type';
  -- without the cast it goes by way of text, and 1e100000 takes half a millisecond
  number constant numeric := case when kind = 'number' then (value)::numeric end;
  size constant integer := case kind when 'string' then length(value #>> '{}') when 'array' then jsonb_array_length(value) end;
begin
  if types = '[]' then
    return format('nothing is allowed here, found %s', postrider.shown_value(value));
  elsif not types ? kind and not (types ? 'integer' and coalesce(min_scale(number) = 0, false)) then
    return format('expected %s, found %s', (select string_agg(t.name, ' or ') from jsonb_array_elements_text(types) t (name)), postrider.shown_value(value));
  elsif checks -> 'const' <> value then
    return format('expected the constant of the schema, found %s', postrider.shown_value(value));
  elsif checks ? 'enum' and not postrider.is_option(checks -> 'enum', value) then
    return format('expected one of the %s values of the schema, found %s', jsonb_array_length(checks -> 'enum'), postrider.shown_value(value));
  end if;
  return case kind
    when 'number' then case
      when number < (checks -> 'minimum')::numeric then format('expected at least %s, found less', left(checks ->> 'minimum', 60))
      when number > (checks -> 'maximum')::numeric then format('expected at most %s, found more', left(checks ->> 'maximum', 60))
      when number <= (checks -> 'exclusiveMinimum')::numeric then format('expected more than %s, found not more', left(checks ->> 'exclusiveMinimum', 60))
      when number >= (checks -> 'exclusiveMaximum')::numeric then format('expected less than %s, found not less', left(checks ->> 'exclusiveMaximum', 60)) end
    when 'string' then case
      when size < (checks -> 'minLength')::numeric then format('expected at least %s characters, found %s', checks -> 'minLength', size)
      when size > (checks -> 'maxLength')::numeric then format('expected at most %s characters, found %s', checks -> 'maxLength', size) end
    when 'array' then case
      when size < (checks -> 'minItems')::numeric then format('expected at least %s elements, found %s', checks -> 'minItems', size)
      when size > (checks -> 'maxItems')::numeric then format('expected at most %s elements, found %s', checks -> 'maxItems', size) end
    end;
end
$$;
comment on function postrider.scalar_problem(jsonb, jsonb) is 'Why a value does not fit these checks, whatever it contains; null where it does.';

create function postrider.properties_problem(
  checks jsonb, whole jsonb, pointer text, inout steps_left integer, out problem text
)
language plpgsql immutable
as $$
declare
  properties constant jsonb := coalesce(checks -> 'properties', '{}');
  additional constant jsonb := checks -> 'additionalProperties';
  part record;
  name text;
  walked record;
begin
  for part in select p.key as name, p.value as checks from jsonb_each(properties) p loop
    continue when not whole ? part.name;
    walked := postrider.payload_problem(part.checks, whole -> part.name, pointer || postrider.pointer_step(part.name), steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
  if problem is not null or additional is null or additional = '{}' then
    return;
  end if;
  -- In this place Postgres takes one name after the other: from a from-clause all would be written down first.
  for name in select jsonb_object_keys(whole) loop
    continue when properties ? name;
    walked := postrider.payload_problem(additional, whole -> name, pointer || postrider.pointer_step(name), steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
end
$$;
comment on function postrider.properties_problem(jsonb, jsonb, text, integer) is 'What payload_problem says of the first property of an object that does not fit.';

create function postrider.elements_problem(
  checks jsonb, whole jsonb, pointer text, inout steps_left integer, out problem text
)
language plpgsql immutable
as $$
declare
  walked record;
begin
  -- By place: as a set the elements would be written down before the first is looked at.
  for place in 0 .. jsonb_array_length(whole) - 1 loop
    walked := postrider.payload_problem(checks, whole -> place, pointer || '/' || place, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    exit when problem is not null;
  end loop;
end
$$;
comment on function postrider.elements_problem(jsonb, jsonb, text, integer) is 'What payload_problem says of the first element of an array that does not fit.';

create function postrider.payload_problem(
  checks jsonb, value jsonb, pointer text, inout steps_left integer, out problem text
)
language plpgsql immutable
as $$
declare
  kind constant text := jsonb_typeof(value);
  missing text;
  branch jsonb;
  walked record;
  option_problems text[] := '{}';
begin
  -- A step is 20 us of work. So much takes an ordinary value; half a kilobyte of checks, where it is gone through for what is
  -- inside; four where a scalar is looked for in it; 16 of the value, to be copied and counted; one of the pointer.
  steps_left := steps_left - 1 - pg_column_size(checks) / case when kind in ('object', 'array') then 512 else 4096 end
    - pg_column_size(value) / 16384 - octet_length(pointer) / 1024;
  if steps_left < 0 then
    problem := 'no more steps are left';
    return;
  end if;
  problem := postrider.scalar_problem(checks, value);
  if problem is null and kind = 'object' and checks ? 'required' then
    select r.name into missing
    from jsonb_array_elements_text(checks -> 'required') with ordinality r (name, place)
    where not value ? r.name
    order by r.place
    limit 1;
    problem := 'the required property ' || postrider.shown_pointer(missing) || ' is missing';
  end if;
  if problem is not null then
    problem := format('at %s: %s', postrider.shown_pointer(pointer), problem);
    return;
  end if;
  if kind = 'object' and checks ?| '{properties,additionalProperties}' then
    walked := postrider.properties_problem(checks, value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
  elsif kind = 'array' and checks ? 'items' then
    walked := postrider.elements_problem(checks -> 'items', value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
  end if;
  if problem is null and checks ?| '{$ref,allOf}' then
    for branch in
      select checks -> '$ref' where checks ? '$ref' union all select a.checks from jsonb_array_elements(payload_problem.checks -> 'allOf') a (checks)
    loop
      walked := postrider.payload_problem(branch, value, pointer, steps_left);
      steps_left := walked.steps_left;
      problem := walked.problem;
      exit when problem is not null;
    end loop;
  end if;
  if problem is not null or not checks ? 'anyOf' then
    return;
  end if;
  for branch in select o.checks from jsonb_array_elements(payload_problem.checks -> 'anyOf') o (checks) loop
    walked := postrider.payload_problem(branch, value, pointer, steps_left);
    steps_left := walked.steps_left;
    problem := walked.problem;
    if problem is null or steps_left < 0 then
      return;
    end if;
    option_problems := option_problems || problem;
  end loop;
  problem := format('at %s: none of the %s schemas of anyOf fits: %s', postrider.shown_pointer(pointer),
    cardinality(option_problems), left(array_to_string(option_problems[1:3], '; '), 600));
end
$$;
comment on function postrider.payload_problem(jsonb, jsonb, text, integer) is
  'Where a payload does not fit these checks, what was expected there and what was found; null where it fits. steps_left bounds the work: where it is less than 0 in the end, the steps were used up, and nothing is known.';

-- In the application's transaction --------------------------------------------------------------------------------

create function postrider.refuse_payload(event_type text, problem text, advice text default null) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'the payload of % does not fit its schema: %', event_type, problem
    using errcode = 'check_violation', constraint = 'the payload fits the schema of its event type',
      schema = 'postrider', table = 'outbox', column = 'payload',
      hint = coalesce(advice, format('Correct the payload, or the definition: json_schema of %L in postrider.event_type.', event_type));
end
$$;
comment on function postrider.refuse_payload(text, text, text) is 'Refuses an event for its payload.';

create function postrider.judge_payload(
  event_type text, payload json, checks jsonb, predicate jsonpath, value_steps bigint, object_steps bigint, byte_steps bigint
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  -- read in 10 ms; what filters of subscriptions judge has the same limit
  payload_bytes_max constant integer := 1048576;
  -- of 0.05 us each: 0.4 s
  predicate_steps_max constant integer := 8000000;
  -- of 20 us each: 0.2 s
  walk_steps_max constant integer := 10000;
  payload_bytes constant integer := octet_length(payload::text);
  document jsonb;
  verdict boolean;
  problem text;
  steps_left integer;
begin
  if payload_bytes > payload_bytes_max then
    perform postrider.refuse_payload(event_type, format('it has %s bytes, and no more than %s are checked', payload_bytes, payload_bytes_max));
  end if;
  begin
    document := payload::jsonb;
    -- A byte is no more than a value and an object: what is small need not be counted.
    if payload_bytes * (value_steps + object_steps + byte_steps) <= predicate_steps_max
      or postrider.payload_steps(payload::text, value_steps, object_steps, byte_steps) <= predicate_steps_max
    then
      verdict := jsonb_path_exists(document, predicate, checks);
    end if;
  exception
    -- json that is no jsonb: a NUL, half a surrogate, a number beyond numeric, some thousand levels
    when data_exception or program_limit_exceeded then
      problem := sqlerrm;
  end;
  if document is null then
    perform postrider.refuse_payload(event_type, 'Postgres cannot read it: ' || problem);
  elsif verdict then
    return;
  end if;
  select p.problem, p.steps_left into problem, steps_left from postrider.payload_problem(checks, document, '', walk_steps_max) p;
  if steps_left < 0 and not verdict then
    perform postrider.refuse_payload(event_type, format('where was not found in %s steps: no more are made', walk_steps_max));
  elsif steps_left < 0 then
    perform postrider.refuse_payload(event_type,
      format('it has %s bytes, too many to be checked against its schema: nothing was wrong in %s steps, and no more are made', payload_bytes, walk_steps_max),
      'Say less in one event, or enforce a schema with fewer branches of anyOf and allOf, and shorter lists of enum.');
  elsif problem is not null then
    perform postrider.refuse_payload(event_type, problem);
  end if;
end
$$;
comment on function postrider.judge_payload(text, json, jsonb, jsonpath, bigint, bigint, bigint) is
  'Refuses a payload that does not fit, with the reason. What is too much work for both predicate and walk is refused as well: half a second is the most.';

create function postrider.nearest_event_type(name text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  -- By pairs of letters: what both have, of what either has. Of names alone that may be near one: each pair is looked for
  -- from the beginning, and 20,000 letters took 1.5 s.
  with letters as materialized (
    select array(select distinct lower(substr(name, g.n, 2)) from generate_series(1, length(name) - 1) g (n)) as pairs
    where length(name) <= 258
  ), known as (
    select t.name, array(select distinct lower(substr(t.name, g.n, 2)) from generate_series(1, length(t.name) - 1) g (n)) as pairs
    from postrider.event_type t
    where abs(length(t.name) - length(nearest_event_type.name)) <= 3
    order by t.name
    limit 1000
  )
  select k.name
  from known k, letters l, lateral (
    select count(*) as shared from unnest(k.pairs) p (pair) where p.pair = any (l.pairs)) s
  where s.shared >= 0.6 * greatest(cardinality(k.pairs), cardinality(l.pairs))
  order by s.shared::numeric / greatest(cardinality(k.pairs), cardinality(l.pairs)) desc, k.name
  limit 1;
end;
comment on function postrider.nearest_event_type(text) is 'The defined event type that somebody most likely meant; null where none is near.';

create function postrider.refuse_unknown_type(event_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  meant constant text := postrider.nearest_event_type(event_type);
begin
  raise exception 'the event type % is not in the catalogue', to_json(left(event_type, 255))
    using errcode = 'check_violation', constraint = 'the event type is in the catalogue',
      schema = 'postrider', table = 'outbox', column = 'event_type',
      detail = 'postrider.event_type_policy says that unknown types are refused.',
      hint = concat_ws(' ', 'Did you mean ' || meant || '?',
        'An operator adds it by postrider.define_event_type(...), or lets all types in by postrider.allow_unknown_event_types().');
end
$$;
comment on function postrider.refuse_unknown_type(text) is 'Refuses an event for its type, and names the one that may have been meant.';

create function postrider.refuse_if_unknown(event_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if left(event_type, 10) <> 'postrider.'
    and exists (select from postrider.event_type_policy p where p.unknown_types = 'refused')
    and not exists (select from postrider.event_type t where t.name = refuse_if_unknown.event_type)
  then
    perform postrider.refuse_unknown_type(event_type);
  end if;
end
$$;
comment on function postrider.refuse_if_unknown(text) is 'Refuses an event type that is not in the catalogue, where such are refused.';

create function postrider.judged_event_types() returns text[]
language plpgsql immutable
as $$ begin return '{}'; end $$;
comment on function postrider.judged_event_types() is
  'The event types whose definition an insert looks at, those that are enforced; null for all. Written anew by postrider.set_judged_event_types when the catalogue changes.';

create function postrider.outbox_refuse() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  defined record;
begin
  if new.xid is distinct from pg_current_xact_id() then
    raise exception 'cannot insert an event with an xid of another transaction'
      using errcode = 'check_violation',
        detail = format('The row says %s; this transaction is %s. Claims find events by xid, so the event would be lost or sent out of order.', new.xid, pg_current_xact_id()),
        hint = 'Leave xid out of the insert: it is filled in. To restore data alone: pg_dump --data-only --load-via-partition-root, then PGOPTIONS=''-c session_replication_role=replica'' pg_restore --data-only.';
  elsif new.event_type is null or new.payload is null then
    return new; -- which the table refuses itself
  end if;
  select t.enforce, t.checks, t.predicate, t.value_steps, t.object_steps, t.byte_steps into defined from postrider.event_type t where t.name = new.event_type;
  if defined.enforce then
    perform postrider.judge_payload(new.event_type, new.payload, defined.checks, defined.predicate, defined.value_steps,
      defined.object_steps, defined.byte_steps);
  elsif defined.enforce is null then
    perform postrider.refuse_if_unknown(new.event_type);
  end if;
  return new;
end
$$;
comment on function postrider.outbox_refuse() is
  'Refuses an event that says it was inserted by another transaction, one whose payload does not fit its enforced schema, and one of an unknown type where these are refused.';

-- One trigger for both, since each further one with a condition costs a statement 2 us. By its name it fires after
-- outbox_idempotency: what a known key leaves out of the insert is not judged.
create trigger outbox_refuse before insert on postrider.outbox
  for each row when (new.xid is distinct from pg_current_xact_id()
    or (new.event_type = any (postrider.judged_event_types())) is not false)
  execute function postrider.outbox_refuse();
comment on trigger outbox_refuse on postrider.outbox is
  'Fires only for rows whose xid is not the transaction''s own, and for those whose definition is to be looked at.';

-- Editing the catalogue -------------------------------------------------------------------------------------------

create function postrider.set_judged_event_types() returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- beyond that a look at the catalogue is quicker than a walk through the list
  listed_max constant integer := 100;
  listed text[];
  body text;
begin
  -- Edits wait for each other before they come here. What replication brings does not, nor what sets it right afterwards.
  perform pg_advisory_xact_lock(1886352244, 5);
  select array_agg(t.name order by t.name) into listed
  from (select e.name from postrider.event_type e where e.enforce limit listed_max + 1) t;
  if cardinality(listed) > listed_max or exists (select from postrider.event_type_policy p where p.unknown_types = 'refused') then
    body := ' begin return null; end ';
  else
    body := format(' begin return %L; end ', coalesce(listed, '{}'));
  end if;
  if body is distinct from (select p.prosrc from pg_proc p where p.oid = 'postrider.judged_event_types()'::regprocedure) then
    execute format('create or replace function postrider.judged_event_types() returns text[] language plpgsql immutable as %L', body);
  end if;
end
$$;
comment on function postrider.set_judged_event_types() is 'Writes the function by which an insert knows whether it has to look at a definition, where it is not as the catalogue has it.';

create function postrider.write_judged_event_types() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider.set_judged_event_types();
  return null;
end
$$;
comment on function postrider.write_judged_event_types() is 'Lets inserts know of an edit of the catalogue.';

create function postrider.refresh_judged_event_types() returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '50ms'
as $$
declare
  entry record;
begin
  perform postrider.set_judged_event_types();
  -- pg_restore --disable-triggers enables them again, but not always.
  for entry in
    select t.tgrelid::regclass as table_name, t.tgname as trigger_name
    from pg_trigger t
    where t.tgrelid in ('postrider.event_type'::regclass, 'postrider.event_type_policy'::regclass)
      and t.tgfoid = 'postrider.write_judged_event_types'::regproc and t.tgenabled <> 'A'
  loop
    execute format('alter table %s enable always trigger %I', entry.table_name, entry.trigger_name);
  end loop;
exception
  when lock_not_available then
    null; -- somebody is editing the catalogue, or setting it right: maintain() looks again
end
$$;
comment on function postrider.refresh_judged_event_types() is
  'Lets inserts look at what the catalogue says, whatever a restore or a copy has left out: maintain(), adopt() and grant_roles() call it. Writes nothing where all is as it should be.';

create function postrider.lock_event_types() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into postrider.event_type_policy as p (unknown_types) values (default)
  on conflict on constraint event_type_policy_pkey do update set changed_at = clock_timestamp();
  return null;
end
$$;
comment on function postrider.lock_event_types() is 'Lets one transaction at a time edit the catalogue. A write, so that one with an older snapshot fails instead of overlooking the last edit.';

create function postrider.event_type_changing() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  schema_bytes_max constant integer := 65536;
  -- of a path that is longer, reading it costs more than the walk
  predicate_chars_max constant integer := 262144;
  predicate text;
  problem text;
  advice text;
begin
  new.updated_at := clock_timestamp();
  new.checks := null;
  new.predicate := null;
  new.value_steps := null;
  new.object_steps := null;
  new.byte_steps := null;
  if new.json_schema is null then
    return new;
  elsif octet_length(new.json_schema::text) > schema_bytes_max then
    perform postrider.refuse_schema('', format('has %s bytes', octet_length(new.json_schema::text)), format('At most %s are taken.', schema_bytes_max));
  elsif jsonb_path_exists(new.json_schema, 'strict $.**{128}') then
    -- Whoever reads it calls himself for each level: at some thousands those break.
    perform postrider.refuse_schema('', 'is nested deeper than 128 levels of JSON', 'What stands in default, examples, enum and const counts here, too.');
  end if;
  new.checks := postrider.compile_schema(new.json_schema, new.json_schema, '', '{}');
  predicate := postrider.schema_predicate(new.checks, '$');
  if length(predicate) <= predicate_chars_max then
    new.predicate := ('strict $ ? ' || predicate)::jsonpath;
    select s.value_steps, s.object_steps, s.byte_steps into new.value_steps, new.object_steps, new.byte_steps
    from postrider.predicate_steps(new.checks) s;
  end if;
  return new;
exception
  when invalid_parameter_value then
    get stacked diagnostics problem = message_text, advice = pg_exception_hint;
    raise exception 'cannot define the event type %: %', to_json(left(new.name, 255)), problem
      using errcode = 'invalid_parameter_value', hint = advice;
end
$$;
comment on function postrider.event_type_changing() is 'Reads the schema of a definition, and refuses what is not of the subset.';

create function postrider.event_type_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  ours constant text[] := '{checks,predicate,value_steps,object_steps,byte_steps,created_at,updated_at,changed_at,only_row}';
  old_row jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - ours end;
  new_row jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - ours end;
begin
  if old_row = new_row then
    return null;
  elsif tg_op = 'UPDATE' then
    -- the name stays, to say what it was about
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key) into old_row, new_row
    from jsonb_each(old_row) o
    where o.key = 'name' or o.value <> new_row -> o.key;
  end if;
  perform postrider.note_change(format('%s %s', lower(tg_op), tg_table_name), null, null, old_row, new_row);
  return null;
end
$$;
comment on function postrider.event_type_audit() is 'Notes an edit of the catalogue, or of what becomes of unknown types, in the audit.';

create trigger event_type_lock before insert or update or delete on postrider.event_type
  for each statement execute function postrider.lock_event_types();
comment on trigger event_type_lock on postrider.event_type is 'Lets one transaction at a time edit the catalogue.';
create trigger event_type_changing before insert or update on postrider.event_type
  for each row execute function postrider.event_type_changing();
comment on trigger event_type_changing on postrider.event_type is 'Reads the schema, and refuses what is not of the subset.';
create trigger event_type_audit after insert or update or delete on postrider.event_type
  for each row execute function postrider.event_type_audit();
comment on trigger event_type_audit on postrider.event_type is 'Notes the edit in the audit.';
create trigger event_type_judged after insert or update or delete on postrider.event_type
  for each row execute function postrider.write_judged_event_types();
comment on trigger event_type_judged on postrider.event_type is 'Tells inserts which definitions to look at.';
create trigger event_type_truncate before truncate on postrider.event_type
  for each statement execute function postrider.refuse_truncate();
comment on trigger event_type_truncate on postrider.event_type is 'Refuses truncate, which the audit would not see.';

create trigger event_type_policy_audit after insert or update or delete on postrider.event_type_policy
  for each row execute function postrider.event_type_audit();
comment on trigger event_type_policy_audit on postrider.event_type_policy is 'Notes the edit in the audit.';
create trigger event_type_policy_judged after insert or update of unknown_types or delete on postrider.event_type_policy
  for each row execute function postrider.write_judged_event_types();
comment on trigger event_type_policy_judged on postrider.event_type_policy is 'Tells inserts whether to look at each type.';

-- In a copy that replication fills, too: else nothing would be enforced there, and nobody told. By the row, since that is
-- all that replication fires.
alter table postrider.event_type enable always trigger event_type_judged;
alter table postrider.event_type_policy enable always trigger event_type_policy_judged;

create function postrider.define_event_type(
  name text,
  description text default null,
  json_schema jsonb default null,
  enforce boolean default false,
  deprecated boolean default false
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  if define_event_type.name is null or define_event_type.name !~ '^[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*$' or length(define_event_type.name) > 255
    or define_event_type.name ~ '^postrider\.'
  then
    raise exception 'cannot define the event type %', coalesce(to_json(left(define_event_type.name, 300))::text, 'null')
      using errcode = 'invalid_parameter_value',
        hint = 'An event type is dotted words of letters, digits and underscores, at most 255 long. Those that begin with postrider. are Postrider''s own.';
  elsif define_event_type.enforce and define_event_type.json_schema is null then
    raise exception 'cannot enforce the event type %: it has no schema', define_event_type.name
      using errcode = 'invalid_parameter_value', hint = 'Give json_schema. A definition is stated in full each time, and replaces what was.';
  end if;
  perform postrider.begin_action('define_event_type', null, jsonb_build_object('name', define_event_type.name));
  insert into postrider.event_type as t (name, description, json_schema, enforce, deprecated)
  values (define_event_type.name, define_event_type.description, define_event_type.json_schema,
          coalesce(define_event_type.enforce, false), coalesce(define_event_type.deprecated, false))
  on conflict on constraint event_type_pkey do update
  set description = excluded.description, json_schema = excluded.json_schema, enforce = excluded.enforce, deprecated = excluded.deprecated;
  perform postrider.end_action();
end
$$;
comment on function postrider.define_event_type(text, text, jsonb, boolean, boolean) is
  'Puts an event type into the catalogue, or replaces its definition by this one: what is left out is not kept. With enforce, from their next statement on inserts fail whose payload does not fit the schema.';

create function postrider.drop_event_type(name text) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  meant text;
begin
  perform postrider.begin_action('drop_event_type', null, jsonb_build_object('name', drop_event_type.name));
  delete from postrider.event_type t where t.name = drop_event_type.name;
  if not found then
    meant := postrider.nearest_event_type(drop_event_type.name);
    raise exception 'there is no event type % in the catalogue', coalesce(to_json(left(drop_event_type.name, 300))::text, 'null')
      using errcode = 'no_data_found',
        hint = concat_ws(' ', 'Did you mean ' || meant || '?', 'select name from postrider.event_type lists them.');
  end if;
  perform postrider.end_action();
end
$$;
comment on function postrider.drop_event_type(text) is 'Takes an event type out of the catalogue. Events of that type are delivered as before, and inserted too unless unknown types are refused.';

create function postrider.set_unknown_types(unknown_types text, action text, reason text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  perform postrider.begin_action(action, null, jsonb_build_object('reason', reason));
  insert into postrider.event_type_policy as p (unknown_types) values (set_unknown_types.unknown_types)
  on conflict on constraint event_type_policy_pkey do update set unknown_types = excluded.unknown_types, changed_at = clock_timestamp();
  perform postrider.end_action();
end
$$;
comment on function postrider.set_unknown_types(text, text, text) is 'Says what becomes of events of unknown types, as an action of that name.';

create function postrider.refuse_unknown_event_types(reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider.set_unknown_types('refused', 'refuse_unknown_event_types', reason);
end
$$;
comment on function postrider.refuse_unknown_event_types(text) is 'From their next statement on inserts fail whose event type is not in the catalogue. Define the types first.';

create function postrider.allow_unknown_event_types(reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider.set_unknown_types('allowed', 'allow_unknown_event_types', reason);
end
$$;
comment on function postrider.allow_unknown_event_types(text) is 'Events of types that are not in the catalogue may be inserted. So it is from the beginning.';

do $$ begin perform postrider.grant_roles(); end $$;
