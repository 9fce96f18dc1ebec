create or replace function postrider_internal.endpoint_handshake_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'UPDATE' and new.handshake = old.handshake and new.url = old.url then
    -- Nothing is sent to what is disabled, and a consent stays.
    update postrider.endpoint_handshake h
    set next_at = case when new.state <> 'disabled' and new.handshake_state <> 'granted' then now() end
    where h.endpoint_id = new.id;
    return null;
  end if;
  delete from postrider.endpoint_handshake h where h.endpoint_id = new.id;
  if new.handshake then
    insert into postrider.endpoint_handshake (endpoint_id, next_at) values (new.id, case when new.state <> 'disabled' then now() end);
  end if;
  -- A daemon asks; or what waited for a consent need not wait any more.
  perform postrider_internal.notify_daemons('operator');
  return null;
end
$$;
comment on function postrider_internal.endpoint_handshake_changed() is
  'Has daemons ask the receiver of an endpoint for its consent.';

create or replace trigger endpoint_handshake_set after insert on postrider.endpoint
  for each row when (new.handshake) execute function postrider_internal.endpoint_handshake_changed();
comment on trigger endpoint_handshake_set on postrider.endpoint is 'Asks for a consent.';

create or replace trigger endpoint_handshake_changed after update of handshake, url, state on postrider.endpoint
  for each row when (new.handshake <> old.handshake or new.handshake and (new.url <> old.url or (new.state = 'disabled') <> (old.state = 'disabled')))
  execute function postrider_internal.endpoint_handshake_changed();
comment on trigger endpoint_handshake_changed on postrider.endpoint is 'Asks for a consent if one is wanted now, or the URL has changed, or the endpoint is enabled again; no more if it is disabled.';
