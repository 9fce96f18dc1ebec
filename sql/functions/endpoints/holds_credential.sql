-- grant: execute to operator

create or replace function postrider_internal.holds_credential(given jsonb) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return coalesce(given ?| (select '{key}'::text[] || array_agg(m.name) from postrider_internal.auth_members() m where m.is_secret), false);
comment on function postrider_internal.holds_credential(jsonb) is
  'Whether there is something secret in what was given for the auth or client_certificate of an endpoint.';
