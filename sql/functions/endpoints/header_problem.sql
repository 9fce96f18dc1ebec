-- grant: execute to operator

create or replace function postrider_internal.header_problem(headers jsonb) returns text
language sql immutable parallel safe
-- one line break in a value would be a header, or a whole request, of somebody else's making
return (
  select format('the header %s %s', to_json(h.name),
    case
      when h.name !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+$' then 'has no name that HTTP allows: letters, digits and hyphens'
      when jsonb_typeof(h.value) <> 'string' then format('has a value that is no string, but of the type %s', jsonb_typeof(h.value))
      when h.value #>> '{}' ~ '[^ -~\t]' then 'has a value with a line break or a character outside of ASCII'
      else 'has a value with a blank at its beginning or end'
    end)
  from jsonb_each(case when jsonb_typeof(headers) = 'object' then headers else '{}' end) h (name, value)
  where h.name !~ '^[!#$%&''*+.^_`|~0-9A-Za-z-]+$' or jsonb_typeof(h.value) <> 'string'
    or h.value #>> '{}' ~ '[^ -~\t]|^[ \t]|[ \t]$'
  order by h.name
  limit 1);
comment on function postrider_internal.header_problem(jsonb) is 'What is wrong with the first of these request headers that HTTP does not allow, without its value; null where nothing is.';
