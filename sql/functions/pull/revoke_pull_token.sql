-- grant: execute to operator

create or replace function postrider.revoke_pull_token(token_id uuid, reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  owner uuid;
begin
  delete from postrider.pull_token t where t.id = token_id returning t.endpoint_id into owner;
  if not found then
    raise exception 'there is no token %', coalesce(token_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, endpoint_id, created_at, expires_at from postrider.pull_token lists them.';
  end if;
  perform postrider_internal.note_action('revoke_pull_token', owner, null, jsonb_strip_nulls(jsonb_build_object(
    'token_id', token_id, 'reason', reason)));
end
$$;
comment on function postrider.revoke_pull_token(uuid, text) is
  'Ends a token with which events of a pull endpoint are fetched, at once. Use it if a token was exposed and its receiver may fetch no more; to replace it, create_pull_token() with an overlap of 0.';
