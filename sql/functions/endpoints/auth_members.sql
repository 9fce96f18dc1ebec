-- grant: execute to operator

create or replace function postrider_internal.auth_members()
returns table (type text, name text, is_secret boolean, is_required boolean)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
  values
    ('basic', 'username', true, true),
    ('basic', 'password', true, true),
    ('bearer', 'token', true, true),
    ('header', 'name', false, true),
    ('header', 'value', true, true),
    ('oauth2', 'token_url', false, true),
    ('oauth2', 'client_id', false, true),
    ('oauth2', 'client_secret', true, true),
    ('oauth2', 'scope', false, false),
    ('oauth2', 'audience', false, false),
    ('oauth2', 'token_endpoint_auth_method', false, false)
$$;
comment on function postrider_internal.auth_members() is
  'What each type of postrider.endpoint.auth has. A user name is a secret, because many receivers take an API key as one.';
