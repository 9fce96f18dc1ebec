-- grant: execute to daemon

create or replace function postrider_internal.seal_secret(secret_id uuid, former xid, sealed text) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  endpoint_id uuid;
begin
  -- The version of the row, because the server's log may show the parameters of a statement: a password is guessed from its hash.
  if former is null or sealed !~ '^sealed:' then
    raise exception 'only a secret can be sealed, and only sealed'
      using errcode = 'invalid_parameter_value', hint = 'Other changes are those of rotate_secret and of the table''s owner.';
  end if;
  endpoint_id := postrider_internal.lock_secret(secret_id, former);
  if endpoint_id is null then
    return false;
  end if;
  perform postrider_internal.begin_action('seal_secret', endpoint_id, null);
  update postrider.endpoint_secret s set secret = sealed where s.id = secret_id;
  perform postrider_internal.end_action();
  return true;
end
$$;
comment on function postrider_internal.seal_secret(uuid, xid, text) is
  'Puts the sealed form of a secret in its place, if its row is still the version that was read (its xmin). False if it is not, or an operator is changing the endpoint at this moment.';
