create or replace function postrider_internal.require_portal(capability text) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  shown record;
begin
  select t.tenant, t.subject, t.capabilities into shown from postrider_internal.present_portal_token() t;
  if not found then
    raise exception 'no token of the portal, or none that is valid' using errcode = 'insufficient_privilege';
  end if;
  if capability <> all (shown.capabilities) then
    raise exception 'the token lacks the capability %', capability using errcode = 'insufficient_privilege';
  end if;
  -- For the audit: from the token, and not from what the session says.
  perform set_config('postrider.on_behalf_of', concat_ws(': ', concat_ws(' ', 'portal', nullif(shown.tenant, '')), shown.subject), true);
  return shown.tenant;
end
$$;
comment on function postrider_internal.require_portal(text) is
  'The tenant of the token that this transaction shows, for what a function is about to change. Raises an error without one, or if it lacks the capability. The audit shows the tenant and the subject as on_behalf_of.';
