create or replace function postrider_internal.keyword_advice(keyword text) returns text
language sql immutable parallel safe
return case
  when keyword in ('pattern', 'patternProperties')
    then 'Regular expressions of Postgres are not those of JSON Schema, and can be made to run for long. Leave it out, and check that in the application.'
  when keyword in ('$ref', '$id') then 'Put what is referred to into $defs at the top of the schema, and refer to it as #/$defs/NAME.'
  when keyword = 'items' then 'A list of schemas, one an element, is called prefixItems since version 2020-12.'
  else 'The keywords that are checked, and those that are let through, are in sql/event-types.md. Leave the others out, and check that in the application.' end;
comment on function postrider_internal.keyword_advice(text) is 'What to do about a keyword of JSON Schema that was refused.';
