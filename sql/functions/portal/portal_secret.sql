-- grant: select to portal

create or replace view postrider.portal_secret with (security_barrier = true) as
  select s.id, s.endpoint_id, s.kind, s.public_key, s.created_at, s.expires_at
  from postrider.endpoint_secret s
  join postrider.endpoint e on e.id = s.endpoint_id
  where e.tenant = (select postrider_internal.portal_tenant('endpoints:read')) and s.kind in ('hmac', 'ed25519');
comment on view postrider.portal_secret is
  'What signs the requests to the endpoints of the tenant whose token this transaction shows, without what is secret of it.';
comment on column postrider.portal_secret.id is 'The secret.';
comment on column postrider.portal_secret.endpoint_id is 'The endpoint that it signs for.';
comment on column postrider.portal_secret.kind is 'hmac or ed25519.';
comment on column postrider.portal_secret.public_key is 'What receivers verify with, of an ed25519 key; null for hmac.';
comment on column postrider.portal_secret.created_at is 'When it was made.';
comment on column postrider.portal_secret.expires_at is 'When it stops signing; null for never.';
