-- grant: execute to daemon

create or replace function postrider_internal.daemons_without_key(encryption_key_id text)
returns table (daemon_id uuid, host text, pid integer)
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select d.id, d.host, d.pid
  from postrider.daemon d
  where d.lease_expires_at > now() and daemons_without_key.encryption_key_id <> all (d.encryption_key_ids)
  order by d.host, d.pid;
end;
comment on function postrider_internal.daemons_without_key(text) is
  'The daemons that are alive and lack this encryption key: they would pause the endpoints whose secrets it seals, because they cannot open them.';
