-- grant: execute to operator

create or replace function postrider_internal.are_statuses(statuses text[]) returns boolean
language sql immutable parallel safe
return not exists (select from unnest(statuses) s (status) where (s.status ~ '^[345](xx|[0-9][0-9])$') is not true);
comment on function postrider_internal.are_statuses(text[]) is
  'Whether each of these is an HTTP status that is a failure, such as 503, or a class of them, such as 5xx.';
