create or replace function postrider_internal.endpoint_handshake_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  delete from postrider.endpoint_handshake h where h.endpoint_id = new.id;
  if new.handshake then
    insert into postrider.endpoint_handshake (endpoint_id) values (new.id);
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

create or replace trigger endpoint_handshake_changed after update of handshake, url on postrider.endpoint
  for each row when (new.handshake <> old.handshake or new.handshake and new.url <> old.url)
  execute function postrider_internal.endpoint_handshake_changed();
comment on trigger endpoint_handshake_changed on postrider.endpoint is 'Asks for a consent if one is wanted now, or the URL has changed.';
