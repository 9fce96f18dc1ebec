-- grant: execute to publisher, reader, operator

create or replace function postrider_internal.use_api_key(token_hash bytea) returns table (key_id uuid, name text, scopes text[])
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  select k.id, k.name::text, k.scopes::text[] into key_id, name, scopes
  from postrider.api_key k
  where (k.key_hash = use_api_key.token_hash
         or k.id = (select s.api_key_id from postrider.api_session s where s.token_hash = use_api_key.token_hash and s.expires_at > now()))
    and (k.expires_at is null or k.expires_at > now());
  if found then
    return next;
    -- Once a minute, and never behind another request that does so at this moment.
    update postrider.api_key k set last_used_at = now()
    where k.id = (
      select u.id from postrider.api_key u
      where u.id = use_api_key.key_id and (u.last_used_at is null or u.last_used_at < now() - interval '1 minute')
      for no key update skip locked);
  end if;
end
$$;
comment on function postrider_internal.use_api_key(bytea) is
  'Whose request it is, and what it may do, by the SHA-256 of a key or of a session''s token. No row if there is none, or it has expired.';
