create or replace function postrider_internal.is_stored_credential(endpoint_id uuid, kind text, given jsonb) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select coalesce((
    select s.credential_hash = postrider_internal.credential_hash(given, substring(s.credential_hash for 16))
    from postrider.endpoint_secret s
    where s.endpoint_id = is_stored_credential.endpoint_id and s.kind = is_stored_credential.kind), false);
end;
comment on function postrider_internal.is_stored_credential(uuid, text, jsonb) is
  'Whether an endpoint has this credential already, sealed or not.';
