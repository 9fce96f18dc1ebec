-- grant: execute to operator

create or replace function postrider_internal.gives_list(path jsonpath) returns boolean
language sql immutable parallel safe
return regexp_replace(path::text, '"(?:[^"\\]|\\.)*"', '""', 'g') ~ '\[\*\]|\[[^]]* to |\.\*|\?\s*\(|\.keyvalue\(\)';
comment on function postrider_internal.gives_list(jsonpath) is
  'Whether a path may give several values, and so gives a list, however many there are. That is seen in the path alone, so that a receiver need not expect now a list and now a value.';
