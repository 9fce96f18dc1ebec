-- grant: execute to operator

create or replace function postrider.revoke_portal_tokens(tenant text, subject text default null, reason text default null) returns integer
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  revoked integer;
begin
  delete from postrider.portal_token t where t.tenant = tenant and (subject is null or t.subject = subject);
  get diagnostics revoked = row_count;
  perform postrider_internal.note_action('revoke_portal_tokens', null, null, jsonb_strip_nulls(jsonb_build_object(
    'tenant', tenant, 'subject', subject, 'tokens', revoked, 'reason', reason)));
  return revoked;
end
$$;
comment on function postrider.revoke_portal_tokens(text, text, text) is
  'Ends the tokens of the portal that a tenant has, or one subject of it, at once. Returns how many there were. Use it if a token was exposed, or somebody must be let in no longer.';
