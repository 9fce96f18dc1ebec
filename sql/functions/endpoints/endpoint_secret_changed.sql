create or replace function postrider_internal.endpoint_secret_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  -- A change of the endpoint, which is what a credential is written by, increments the revision by itself.
  if pg_trigger_depth() > 1 and coalesce(new.kind, old.kind) not in ('hmac', 'ed25519') then
    return null;
  end if;
  -- The trigger on endpoint increments the revision.
  update postrider.endpoint set updated_at = clock_timestamp() where id in (new.endpoint_id, old.endpoint_id);
  if new.secret is not null and old.secret is null and new.kind = 'ed25519' then
    -- Deliveries may have waited for this key.
    perform postrider_internal.notify_daemons('operator');
  end if;
  return null;
end
$$;
comment on function postrider_internal.endpoint_secret_changed() is 'Increments the endpoint''s revision, so that daemons load the secrets again.';

create or replace trigger endpoint_secret_changed after insert or update or delete on postrider.endpoint_secret
  for each row execute function postrider_internal.endpoint_secret_changed();
comment on trigger endpoint_secret_changed on postrider.endpoint_secret is 'Increments the endpoint''s revision.';
