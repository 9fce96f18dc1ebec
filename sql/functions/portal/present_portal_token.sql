-- grant: execute to portal

-- Which tenant a transaction of the portal is for. The setting postrider.portal_token is the hash of the token, not the name
-- of a tenant: whoever logs in as the portal's role can set it to anything, and sees nothing without a token that is valid.
create or replace function postrider_internal.present_portal_token() returns table (tenant text, subject text, capabilities text[], expires_at timestamptz)
language sql stable security definer
set search_path = pg_catalog, pg_temp
rows 1
as $$
  select t.tenant::text, t.subject::text, t.capabilities::text[], t.expires_at
  from postrider.portal_token t
  where t.token_hash = decode(substring(current_setting('postrider.portal_token', true) from '^[0-9a-f]{64}$'), 'hex') and t.expires_at > now()
$$;
comment on function postrider_internal.present_portal_token() is
  'The token of the portal that this transaction shows, by the setting postrider.portal_token: its SHA-256 in hex. No row if there is none, or it has expired.';
