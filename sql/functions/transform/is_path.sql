-- grant: execute to operator, daemon

create or replace function postrider_internal.is_path(value text) returns boolean
language sql immutable parallel safe
return value ~ '^(?:(?:strict|lax) +)?\$' and value !~ '^\$\$';
comment on function postrider_internal.is_path(text) is
  'Whether a text in a template, or the value of a header, is a path. One that begins with two dollar signs stands for itself, with one.';
