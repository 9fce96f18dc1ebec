-- grant: execute to daemon

create or replace function postrider_internal.is_everywhere(encryption_key_id text) returns boolean
language sql stable security definer
set search_path = pg_catalog, pg_temp
begin atomic
  select not exists (
    select from postrider.daemon d
    where d.lease_expires_at > now() and is_everywhere.encryption_key_id <> all (d.encryption_key_ids));
end;
comment on function postrider_internal.is_everywhere(text) is
  'Whether every daemon that is alive has this encryption key: one without it would pause the endpoints whose secrets it cannot open.';
