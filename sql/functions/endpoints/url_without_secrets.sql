-- grant: execute to operator

create or replace function postrider_internal.url_without_secrets(url text) returns text
language sql immutable parallel safe strict
return regexp_replace(url, '^([a-z]+://)(?:[^/?#]*@)?([^?#]*).*$', '\1\2', 'i');
comment on function postrider_internal.url_without_secrets(text) is
  'A URL without user, password, query and fragment: what may be shown to those who are shown no secrets.';
