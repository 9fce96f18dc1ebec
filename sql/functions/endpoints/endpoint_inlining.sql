create or replace function postrider_internal.endpoint_inlining() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- A check of the table would show the row, with the values of its headers; a domain sees one column alone.
begin
  if new.payload is not null or new.encryption_key is not null then
    raise exception 'inline_limit and % exclude each other', case when new.payload is not null then 'payload' else 'encryption_key' end
      using errcode = 'check_violation', constraint = 'what is fetched is the payload as it is',
        schema = 'postrider', table = 'endpoint', column = 'inline_limit',
        detail = 'What a receiver fetches is the payload of the event, neither transformed nor encrypted.',
        hint = format('Set %s to null, or inline_limit.', case when new.payload is not null then 'payload' else 'encryption_key' end);
  end if;
  -- A row that is restored has had its limit before, and daemons start later.
  if (tg_op = 'UPDATE' and old.inline_limit is null or tg_op = 'INSERT' and new.created_at >= now())
    and not exists (select from postrider.daemon d where d.lease_expires_at > now() and d.public_url is not null)
  then
    raise exception 'inline_limit needs a listener that receivers can reach, and no daemon that runs has one'
      using errcode = 'object_not_in_prerequisite_state', schema = 'postrider', table = 'endpoint', column = 'inline_limit',
        detail = format('%s now, without POSTRIDER_PUBLIC_URL.', postrider_internal.counted(
          (select count(*) from postrider.daemon d where d.lease_expires_at > now()), 'daemon runs', 'daemons run')),
        hint = 'Set POSTRIDER_PUBLIC_URL on the daemons to the base URL under which receivers reach POSTRIDER_HTTP_LISTEN, start them again, and repeat this.';
  end if;
  return new;
end
$$;
comment on function postrider_internal.endpoint_inlining() is
  'Refuses an inline_limit that nothing could be fetched with, and with what changes the payload.';

create or replace trigger endpoint_inlining before insert or update of inline_limit, payload, encryption_key on postrider.endpoint
  for each row when (new.inline_limit is not null) execute function postrider_internal.endpoint_inlining();
comment on trigger endpoint_inlining on postrider.endpoint is
  'Refuses an inline_limit that nothing could be fetched with, and with what changes the payload.';
