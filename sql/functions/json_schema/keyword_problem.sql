create or replace function postrider_internal.keyword_problem(keyword text, argument jsonb) returns text
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
  when keyword in ('properties', '$defs', 'definitions') then
    case when jsonb_typeof(argument) <> 'object' then 'must be an object of schemas' end
  when keyword in ('items', 'additionalProperties', 'not', 'contains') then
    case when jsonb_typeof(argument) not in ('object', 'boolean') then 'must be a schema' end
  when keyword = 'required' then
    case when jsonb_typeof(argument) <> 'array' or jsonb_path_exists(argument, 'strict $[*] ? (@.type() != "string")')
         then 'must be a list of names' end
  when keyword in ('enum', 'anyOf', 'allOf', 'oneOf', 'prefixItems') then
    case when jsonb_typeof(argument) <> 'array' or argument = '[]' then 'must be a list that is not empty' end
  when keyword in ('minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum') then
    case when jsonb_typeof(argument) <> 'number' then 'must be a number' end
  when keyword in ('minLength', 'maxLength', 'minItems', 'maxItems', 'minContains', 'maxContains') then
    case when not postrider_internal.is_count(argument) then 'must be a whole number of 0 to 2147483647' end
  when keyword = '$ref' then
    case when jsonb_typeof(argument) <> 'string' then 'must be a place of this schema, such as #/$defs/NAME' end
  when keyword = '$anchor' then
    case when jsonb_typeof(argument) <> 'string' or argument #>> '{}' !~ '^[A-Za-z_][A-Za-z0-9._-]*$'
         then 'must be a name: a letter or _, then letters, digits, ., _ and -' end
  else 'is not supported' end;
comment on function postrider_internal.keyword_problem(text, jsonb) is
  'What is wrong with a keyword of a JSON Schema: it is outside the subset, or its value makes no sense. Null if nothing is.';
