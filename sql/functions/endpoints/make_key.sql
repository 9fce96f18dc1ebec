-- grant: execute to daemon

create or replace function postrider_internal.make_key(secret_id uuid, secret text, public_key text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  endpoint_id constant uuid := postrider_internal.lock_secret(secret_id, null);
begin
  if endpoint_id is null then
    return false;
  end if;
  perform postrider_internal.begin_action('make_key', endpoint_id, null);
  update postrider.endpoint_secret s set secret = secret, public_key = public_key where s.id = secret_id;
  perform postrider_internal.end_action();
  return true;
end
$$;
comment on function postrider_internal.make_key(uuid, text, text) is
  'Stores the ed25519 key that a daemon has made, sealed or not, if it is still wanted. False if it is not, or an operator is changing the endpoint at this moment.';
