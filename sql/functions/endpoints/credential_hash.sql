create or replace function postrider_internal.credential_hash(credential jsonb, salt bytea) returns bytea
language plpgsql immutable parallel safe strict
set search_path = pg_catalog, pg_temp
as $$
-- Sealed secrets are not to be found by guessing them, so a guess must take a while.
declare
  rounds constant integer := 8192;
  digest bytea := sha256(salt || convert_to(credential::text, 'UTF8'));
begin
  for round in 1 .. rounds loop
    digest := sha256(salt || digest);
  end loop;
  return salt || digest;
end
$$;
comment on function postrider_internal.credential_hash(jsonb, bytea) is
  'What is kept of a credential to tell whether the same one is given again: a salt of 16 bytes, and a hash that takes milliseconds.';
