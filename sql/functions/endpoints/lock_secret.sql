create or replace function postrider_internal.lock_secret(secret_id uuid, former_hash bytea) returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  owner uuid;
begin
  select s.endpoint_id into owner from postrider.endpoint_secret s where s.id = secret_id;
  -- In the order of every action on an endpoint. A daemon waits for no operator: it tries again later.
  perform from postrider.endpoint e where e.id = owner for no key update skip locked;
  if not found then
    return null;
  end if;
  perform from postrider.endpoint_secret s
  where s.id = secret_id and sha256(convert_to(s.secret, 'UTF8')) is not distinct from former_hash
  for update skip locked;
  return case when found then owner end;
end
$$;
comment on function postrider_internal.lock_secret(uuid, bytea) is
  'Locks a secret and its endpoint, whose id it returns; null if SHA-256 of the secret is not what it was (null: there is none yet), or another session has one of them locked.';
