-- grant: execute to operator

create or replace function postrider.create_api_key(name text, scopes text[] default '{read}', expires_at timestamptz default null) returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  api_key constant text := postrider_internal.new_api_token('prk_');
  key_id uuid;
begin
  if expires_at <= now() then
    raise exception 'a key cannot expire at %', expires_at
      using errcode = 'invalid_parameter_value', hint = 'Give a time in the future, or null for no end.';
  end if;
  insert into postrider.api_key (name, scopes, key_hash, expires_at)
  values (name, scopes, sha256(convert_to(api_key, 'UTF8')), expires_at)
  returning id into key_id;
  perform postrider_internal.note_action('create_api_key', null, null, jsonb_build_object(
    'key_id', key_id, 'name', name, 'scopes', scopes, 'expires_at', postrider_internal.audited(expires_at)));
  return api_key;
end
$$;
comment on function postrider.create_api_key(text, text[], timestamptz) is
  'Makes a key of the API and returns it. It is shown this once and kept as a hash. Use it for each person and program that asks the API, with the scopes that it needs: read, payload, publish, operate, admin.';
