create or replace function postrider_internal.lock_secret(secret_id uuid, former xid) returns uuid
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
  where s.id = secret_id and case when former is null then s.secret is null else s.secret is not null and s.xmin = former end
  for update skip locked;
  return case when found then owner end;
end
$$;
comment on function postrider_internal.lock_secret(uuid, xid) is
  'Locks a secret and its endpoint, whose id it returns; null if the row is not the version that was read (its xmin; null: there is no secret yet), or another session has one of them locked.';
