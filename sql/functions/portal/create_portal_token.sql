-- grant: execute to operator

create or replace function postrider.create_portal_token(
  tenant text, capabilities text[] default '{endpoints:read,attempts:read}', ttl interval default '15 minutes', subject text default null,
  out token text, out expires_at timestamptz
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if tenant is null then
    raise exception 'tenant is null'
      using errcode = 'null_value_not_allowed', hint = 'Name the tenant whose endpoints and events the token is for; the empty string if the application has no tenants.';
  end if;
  if ttl is null or not ttl between interval '1 second' and interval '1 hour' then
    raise exception 'a token cannot be valid for %', coalesce(ttl::text, 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give 1 second to 1 hour; the page asks for another one in time.';
  end if;
  -- None that another transaction deletes already: it may stay open for long.
  delete from postrider.portal_token t
  where t.id in (select e.id from postrider.portal_token e where e.expires_at <= now() for update skip locked);
  token := postrider_internal.new_api_token('prp_');
  expires_at := now() + ttl;
  insert into postrider.portal_token (tenant, subject, capabilities, token_hash, expires_at)
  values (tenant, subject, capabilities, sha256(convert_to(token, 'UTF8')), expires_at);
  perform postrider_internal.note_action('create_portal_token', null, null, jsonb_strip_nulls(jsonb_build_object(
    'tenant', tenant, 'subject', subject, 'capabilities', capabilities, 'expires_at', postrider_internal.audited(expires_at))));
end
$$;
comment on function postrider.create_portal_token(text, text[], interval, text) is
  'Makes a token of the portal for a tenant and returns it. It is shown this once and kept as a hash. Use it for each visit of somebody whom your application has let in: capabilities say what they may do, subject who they are, for the audit. It is valid for ttl, an hour at most.';
