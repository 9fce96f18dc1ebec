-- grant: execute to operator

create or replace function postrider.create_pull_token(endpoint_id uuid, overlap interval default '24 hours') returns text
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  -- 32 bytes out of three random UUIDs, as new_secret() makes them, in letters that need no escaping
  token constant text := 'prt_' || rtrim(translate(encode(sha256(
    uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64'), '+/', '-_'), '=');
  old_until timestamptz;
  token_id uuid;
begin
  if overlap is null or not overlap between interval '0' and interval '1 year' or now() + overlap < now() then
    raise exception 'an overlap of % is not possible', coalesce(overlap::text, 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give 0 to 1 year: for so long the old tokens are valid beside the new one.';
  end if;
  old_until := now() + overlap;
  perform postrider_internal.lock_endpoint(endpoint_id);
  if (select e.kind from postrider.endpoint e where e.id = endpoint_id) <> 'pull' then
    raise exception 'endpoint % is sent its events, so it needs no token', endpoint_id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Tokens are for endpoints that were created with kind pull.';
  end if;
  delete from postrider.pull_token t where t.endpoint_id = endpoint_id and t.expires_at <= now();
  update postrider.pull_token t set expires_at = old_until
  where t.endpoint_id = endpoint_id and (t.expires_at is null or t.expires_at > old_until);
  insert into postrider.pull_token (endpoint_id, token_hash) values (endpoint_id, sha256(convert_to(token, 'UTF8')))
  returning id into token_id;
  perform postrider_internal.note_action('create_pull_token', endpoint_id, null, jsonb_build_object(
    'token_id', token_id, 'overlap', postrider_internal.audited(overlap)));
  return token;
end
$$;
comment on function postrider.create_pull_token(uuid, interval) is
  'Makes a token with which the receiver of a pull endpoint fetches its events, and returns it. It is shown this once and kept as a hash. Use it for a new pull endpoint, if a token was exposed, or regularly. Earlier tokens are valid until the overlap has passed; an overlap of 0 ends them at once.';
