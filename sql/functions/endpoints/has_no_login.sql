-- grant: execute to operator

create or replace function postrider_internal.has_no_login(url text) returns boolean
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
begin
  if url ~* '^https?://[^/?#]*@' then
    raise exception 'the url contains a user or a password'
      using errcode = 'check_violation', constraint = 'url has no user and no password',
        schema = 'postrider', table = 'endpoint', column = 'url',
        hint = 'Every role that may read an endpoint would see it. Put it into headers, as authorization.';
  end if;
  return true;
end
$$;
comment on function postrider_internal.has_no_login(text) is
  'True if a URL has no user and no password. Otherwise it raises an error that says where to put them.';
