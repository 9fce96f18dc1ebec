-- grant: execute to operator

create or replace function postrider_internal.is_auth(auth jsonb) returns boolean
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
-- It raises an error instead of returning false, because the error must name the member and must not show its value. What
-- stays in the column once the credential has been taken out passes, too: every secret member is there, or none.
declare
  given_type constant text := auth ->> 'type';
  is_whole constant boolean := postrider_internal.holds_credential(auth);
  known constant text[] := array(select m.name from postrider_internal.auth_members() m where m.type = given_type);
  advice text := 'auth is {"type": "basic", "username": "...", "password": "..."}, {"type": "bearer", "token": "..."}, {"type": "header", "name": "...", "value": "..."} or {"type": "oauth2", "token_url": "...", "client_id": "...", "client_secret": "...", "scope": "...", "audience": "..."}.';
  member text;
  content text;
  problem text;
begin
  if jsonb_typeof(auth) <> 'object' then
    problem := 'is not a JSON object';
  elsif known = '{}' then
    problem := 'has no type of basic, bearer, header or oauth2';
  else
    select format('has no %s', m.name) into problem
    from postrider_internal.auth_members() m
    where m.type = given_type and m.is_required and not auth ? m.name and (is_whole or not m.is_secret);
    if problem is null then
      select format('has a member that %s does not have: %s', given_type, to_json(left(k.name, 100))) into problem
      from jsonb_object_keys(auth) k (name)
      where k.name <> all (known || '{type}'::text[]);
    end if;
  end if;
  for member in select k.name from unnest(known) k (name) where auth ? k.name loop
    exit when problem is not null;
    content := auth ->> member;
    problem := format('has a %s that ', member) || case
      when jsonb_typeof(auth -> member) <> 'string' then format('is not a string but of the type %s', jsonb_typeof(auth -> member))
      when content = '' and member <> 'password' then 'is empty'
      when length(content) > 8192 then 'has more than 8192 characters'
      when content ~ '[[:cntrl:]]' then 'has a line break or another control character'
      -- RFC 7617, RFC 6750
      when member = 'username' and content ~ ':' then 'has a colon, which ends the user name'
      when member = 'token' and content ~ '[^!-~]' then 'has a blank or a character outside of ASCII'
      when member = 'value' and content ~ '[^ -~]|^ | $' then 'has a blank at its beginning or end, or a character outside of ASCII'
      -- RFC 6749
      when member = 'scope' and content !~ E'^[!#-\\[\\]-~]+( [!#-\\[\\]-~]+)*$' then 'is no list of scopes, separated by a space'
      when member = 'token_endpoint_auth_method' and content not in ('client_secret_basic', 'client_secret_post') then 'is neither client_secret_basic nor client_secret_post'
      when member = 'token_url' and (content !~* E'^https?://(\\[[0-9a-f:.]+\\]|[^][/?#:@]+)(:[0-9]+)?([/?]|$)'
        or content ~ E'[#\\\\[:space:]]' or length(content) > 2048) then 'is no http or https URL without user, password and fragment'
      when member = 'name' and lower(content collate "C") in ('content-type', 'user-agent') then 'is a header with another meaning'
    end;
    if member = 'name' and problem is null then
      perform postrider_internal.are_headers(jsonb_build_object(content, '-'));
    end if;
  end loop;
  if problem is null and given_type = 'bearer' and auth ->> 'token' ~* '^bearer' then
    advice := 'Give the token alone, without the word Bearer.';
    problem := 'has a token that begins with the word Bearer';
  end if;
  if problem is not null then
    raise exception 'auth %', problem
      using errcode = 'check_violation', constraint = 'auth says how requests are authenticated',
        schema = 'postrider', table = 'endpoint', column = 'auth', hint = advice;
  end if;
  return true;
end
$$;
comment on function postrider_internal.is_auth(jsonb) is
  'True if requests can be authenticated in this way. Otherwise it raises an error that says why, and shows no value.';
