-- grant: execute to operator

create or replace function postrider.revoke_api_key(key_id uuid, reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  revoked text;
begin
  delete from postrider.api_key k where k.id = key_id returning k.name into revoked;
  if not found then
    raise exception 'there is no key %', coalesce(key_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, name, created_at, last_used_at from postrider.api_key lists them.';
  end if;
  perform postrider_internal.note_action('revoke_api_key', null, null, jsonb_strip_nulls(jsonb_build_object(
    'key_id', key_id, 'name', revoked, 'reason', reason)));
end
$$;
comment on function postrider.revoke_api_key(uuid, text) is
  'Ends a key of the API, and the sessions that were opened with it, at once. Use it if a key was exposed, or is no longer needed.';
