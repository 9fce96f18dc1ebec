create or replace function postrider_internal.without_credential(given jsonb) returns jsonb
language sql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
return (
  select (given - ('{key}'::text[] || array_agg(m.name)))
    || case when given ? 'token_url' then jsonb_build_object('token_url', postrider_internal.url_without_secrets(given ->> 'token_url')) else '{}' end
  from postrider_internal.auth_members() m
  where m.is_secret);
comment on function postrider_internal.without_credential(jsonb) is
  'What stays in the auth or client_certificate of an endpoint of what was given: without what is secret, and without the query of a URL.';
