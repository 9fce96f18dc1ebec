-- A credential is written to a column of endpoint, like every other option: by create_endpoint(), by hand, from a file. The
-- column keeps what is no secret, and people can see it; the credential goes to endpoint_secret, where it is sealed and only
-- daemons read it. So no statement shows it again, and there is no second function for each way to write an option.

create or replace function postrider_internal.endpoint_credentials() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' then
    -- The secret refers to the endpoint, so it comes after it. Until then the row is this transaction's alone.
    update postrider.endpoint e set auth = e.auth, client_certificate = e.client_certificate where e.id = new.id;
    return null;
  end if;
  new.auth := postrider_internal.take_credential(new.id, 'auth', old.auth, new.auth);
  new.client_certificate := postrider_internal.take_credential(
    new.id, 'client_certificate', old.client_certificate, new.client_certificate);
  return new;
end
$$;
comment on function postrider_internal.endpoint_credentials() is
  'Moves credentials to postrider.endpoint_secret, and leaves in the endpoint what is no secret.';

create or replace trigger endpoint_credentials before update of auth, client_certificate on postrider.endpoint
  for each row execute function postrider_internal.endpoint_credentials();
comment on trigger endpoint_credentials on postrider.endpoint is 'Moves credentials to where they are kept.';

create or replace trigger endpoint_credentials_given after insert on postrider.endpoint
  for each row when (postrider_internal.holds_credential(new.auth) or postrider_internal.holds_credential(new.client_certificate)) execute function postrider_internal.endpoint_credentials();
comment on trigger endpoint_credentials_given on postrider.endpoint is 'Moves the credentials of a new endpoint to where they are kept.';
