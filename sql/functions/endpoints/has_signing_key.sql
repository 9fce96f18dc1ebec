-- grant: execute to reader, operator, daemon

create or replace function postrider_internal.has_signing_key(endpoint_id uuid) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select exists (
    select from postrider.endpoint_secret s
    where s.endpoint_id = has_signing_key.endpoint_id and s.public_key is not null
      and (s.expires_at is null or s.expires_at > now()));
end;
comment on function postrider_internal.has_signing_key(uuid) is
  'Whether an ed25519 key can sign for an endpoint. Asked only of endpoints that want one: until a daemon has made it, their deliveries wait.';
