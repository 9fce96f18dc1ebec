create or replace function postrider_internal.endpoint_signing_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if new.signing <> 'hmac' and not exists (
    select from postrider.endpoint_secret s
    where s.endpoint_id = new.id and s.kind = 'ed25519' and (s.expires_at is null or s.expires_at > now()))
  then
    insert into postrider.endpoint_secret (endpoint_id, kind) values (new.id, 'ed25519');
  end if;
  -- A daemon makes the key; or what waited for one need not wait any more.
  perform postrider_internal.notify_daemons('operator');
  return null;
end
$$;
comment on function postrider_internal.endpoint_signing_changed() is 'Asks for an ed25519 key for an endpoint that has none. A daemon makes it.';

create or replace trigger endpoint_signing_set after insert on postrider.endpoint
  for each row when (new.signing <> 'hmac') execute function postrider_internal.endpoint_signing_changed();
comment on trigger endpoint_signing_set on postrider.endpoint is 'Asks for an ed25519 key.';

create or replace trigger endpoint_signing_changed after update of signing on postrider.endpoint
  for each row when (new.signing <> old.signing) execute function postrider_internal.endpoint_signing_changed();
comment on trigger endpoint_signing_changed on postrider.endpoint is 'Asks for an ed25519 key if signing now wants one.';
