-- grant: execute to operator

create or replace function postrider_internal.is_client_certificate(given jsonb) returns boolean
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
-- It raises an error instead of returning false, because the error must say what is wrong and must not show the key. What
-- stays in the column, the certificate alone, passes as well. That key and certificate belong together is found by a daemon.
declare
  certificate constant text := given ->> 'certificate';
  key constant text := given ->> 'key';
  advice text := 'client_certificate is {"certificate": "-----BEGIN CERTIFICATE-----...", "key": "-----BEGIN PRIVATE KEY-----..."}, in PEM: the certificate first and those of its chain behind it, and a key without a passphrase.';
  problem text;
begin
  if jsonb_typeof(given) <> 'object' then
    problem := 'is not a JSON object';
  elsif exists (select from jsonb_object_keys(given) k (name) where k.name not in ('certificate', 'key')) then
    problem := 'has a member other than certificate and key';
  elsif jsonb_typeof(given -> 'certificate') is distinct from 'string' then
    problem := 'has no certificate';
  elsif jsonb_typeof(given -> 'key') <> 'string' then
    problem := 'has a key that is not a string';
  elsif certificate ~ 'PRIVATE KEY' then
    problem := 'has a private key in certificate, which everyone who may see the endpoint would see';
    advice := 'Write it to key.';
  elsif not postrider_internal.is_pem(certificate, 'CERTIFICATE') then
    problem := 'has a certificate that is not in PEM';
  elsif length(certificate) > 65536 or length(key) > 16384 then
    problem := 'is longer than 65536 characters of certificates, or 16384 of the key';
  elsif key ~ 'ENCRYPTED' then
    problem := 'has a key with a passphrase';
    advice := 'Write it without: openssl pkey -in key.pem. It is sealed with the encryption keys of daemons.';
  elsif not postrider_internal.is_pem(key, '(?:(?:RSA|EC) )?PRIVATE KEY') then
    problem := 'has a key that is no private key in PEM';
  end if;
  if problem is not null then
    raise exception 'client_certificate %', problem
      using errcode = 'check_violation', constraint = 'client_certificate is a certificate and its key in PEM',
        schema = 'postrider', table = 'endpoint', column = 'client_certificate', hint = advice;
  end if;
  return true;
end
$$;
comment on function postrider_internal.is_client_certificate(jsonb) is
  'True if this can be a client certificate. Otherwise it raises an error that says why, and shows nothing of it.';
