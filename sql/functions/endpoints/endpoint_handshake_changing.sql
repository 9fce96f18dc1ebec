create or replace function postrider_internal.endpoint_handshake_changing() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  if not new.handshake then
    new.handshake_state := null;
    new.receiver_rate := null;
  elsif tg_op = 'INSERT' or not old.handshake or new.url <> old.url then
    new.handshake_state := 'wanted';
    new.receiver_rate := null;
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_handshake_changing() is
  'Takes back the consent of a receiver if the URL changes.';

create or replace trigger endpoint_handshake_changing before insert or update of handshake, url on postrider.endpoint
  for each row execute function postrider_internal.endpoint_handshake_changing();
comment on trigger endpoint_handshake_changing on postrider.endpoint is 'Keeps handshake_state and receiver_rate.';
