-- grant: execute to portal

create or replace function postrider_internal.portal_tenant(capability text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
  select t.tenant from postrider_internal.present_portal_token() t where capability = any (t.capabilities)
$$;
comment on function postrider_internal.portal_tenant(text) is
  'The tenant of the token that this transaction shows; null without one, or if it lacks the capability. The views of the portal show what belongs to this tenant.';
