create or replace function postrider_internal.endpoint_signing_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- One that expires is none to go on with: rotate_secret makes what was signing then, and lets all others expire.
  if tg_op = 'UPDATE' and new.signing <> 'ed25519' and not exists (
    select from postrider.endpoint_secret s
    where s.endpoint_id = new.id and s.kind = 'hmac' and s.expires_at is null)
  then
    -- As old as the transaction, by which rotate_secret knows it: the secret that is made in its place needs none beside it.
    insert into postrider.endpoint_secret (endpoint_id, secret, created_at) values (new.id, postrider_internal.new_secret(), now());
    raise notice 'endpoint % had no HMAC secret that stays valid, so one was made, which is shown to no one', new.id
      using hint = format('For one that you can give to the receiver: select postrider.rotate_secret(%L)', new.id);
  end if;
  if new.signing <> 'hmac' and not exists (
    select from postrider.endpoint_secret s
    where s.endpoint_id = new.id and s.kind = 'ed25519' and s.expires_at is null)
  then
    insert into postrider.endpoint_secret (endpoint_id, kind) values (new.id, 'ed25519');
  end if;
  -- A daemon makes the key; or what waited for one need not wait any more.
  perform postrider_internal.notify_daemons('operator');
  return null;
end
$$;
comment on function postrider_internal.endpoint_signing_changed() is 'Gives an endpoint what its requests are to be signed with, if it has none that stays valid: makes an HMAC secret, or asks for an ed25519 key, which a daemon makes.';

create or replace trigger endpoint_signing_set after insert on postrider.endpoint
  for each row when (new.signing <> 'hmac') execute function postrider_internal.endpoint_signing_changed();
comment on trigger endpoint_signing_set on postrider.endpoint is 'Asks for an ed25519 key.';

create or replace trigger endpoint_signing_changed after update of signing on postrider.endpoint
  for each row when (new.signing <> old.signing) execute function postrider_internal.endpoint_signing_changed();
comment on trigger endpoint_signing_changed on postrider.endpoint is 'Makes an HMAC secret, or asks for an ed25519 key, if signing now wants one.';
