-- grant: execute to reader, operator

create or replace function postrider_internal.open_api_session(given_hash bytea) returns table (token text, expires_at timestamptz)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  opener_id uuid;
begin
  -- A link is gone with its first use.
  delete from postrider.api_session s where s.link_hash = given_hash and s.expires_at > now() returning s.api_key_id into opener_id;
  if opener_id is null then
    select k.id into opener_id from postrider.api_key k where k.key_hash = given_hash;
  end if;
  delete from postrider.api_session s where s.expires_at <= now();
  token := postrider_internal.new_api_token('prs_');
  insert into postrider.api_session (api_key_id, token_hash, expires_at)
  select k.id, sha256(convert_to(open_api_session.token, 'UTF8')), least(now() + interval '12 hours', k.expires_at)
  from postrider.api_key k
  where k.id = opener_id and (k.expires_at is null or k.expires_at > now())
  returning api_session.expires_at into expires_at;
  if found then
    return next;
  end if;
end
$$;
comment on function postrider_internal.open_api_session(bytea) is
  'Opens a session of the dashboard for half a day, by the SHA-256 of a key or of a link. No row if there is none, or it has expired.';
