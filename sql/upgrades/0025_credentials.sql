-- Lets endpoints identify themselves to receivers, by credentials that are kept like the secrets that sign.
-- locks: postrider.endpoint and endpoint_secret, for as long as it takes to look through the secrets
-- breaking: yes
--
-- Breaking, because a daemon that does not know of credentials would send requests without them.

-- What is given and what is stored have the same type, because a row holds the whole for the moment in which it is inserted:
-- a trigger then moves the credential to endpoint_secret.
create domain postrider.endpoint_auth as jsonb
  constraint "auth says how requests are authenticated" check (postrider_internal.is_auth(value));
comment on domain postrider.endpoint_auth is 'How an endpoint''s requests are authenticated.';

alter table postrider.endpoint add column auth postrider.endpoint_auth;
comment on column postrider.endpoint.auth is
  'How the receiver knows who sends: {"type": "basic", "username", "password"}, {"type": "bearer", "token"}, {"type": "header", "name", "value"} or {"type": "oauth2", "token_url", "client_id", "client_secret"} with scope, audience and token_endpoint_auth_method if you like. Null for nothing. Only what is no secret stays here: the rest goes to postrider.endpoint_secret, where daemons alone read it. To change any of it, write the whole anew.';

-- Not validated, because every attempt would be read, and all of them have the kinds of before.
alter domain postrider.failure_kind drop constraint "failure_kind is one that this schema knows";
alter domain postrider.failure_kind add constraint "failure_kind is one that this schema knows" check (
  value in ('status', 'timeout', 'connect', 'dns', 'tls', 'reset', 'blocked', 'protocol', 'proxy', 'auth')) not valid;

create domain postrider.endpoint_client_certificate as jsonb
  constraint "client_certificate is a certificate and its key in PEM" check (postrider_internal.is_client_certificate(value));
comment on domain postrider.endpoint_client_certificate is 'What an endpoint shows to a receiver that asks who connects.';

alter table postrider.endpoint add column client_certificate postrider.endpoint_client_certificate;
comment on column postrider.endpoint.client_certificate is
  'What is shown to a receiver that asks in the TLS handshake who connects: {"certificate", "key"} in PEM, the certificate with its chain behind it, the key without a passphrase. Null for nothing. Only the certificates stay here: the key goes to postrider.endpoint_secret, where daemons alone read it. To change any of it, write the whole anew.';

-- Each check lets pass what another one refuses with a better name.
alter domain postrider.signing_kind rename to secret_kind;
alter domain postrider.secret_kind drop constraint "kind is hmac or ed25519";
alter domain postrider.secret_kind add constraint "kind is hmac, ed25519, auth or client_certificate" check (
  value in ('hmac', 'ed25519', 'auth', 'client_certificate'));
comment on domain postrider.secret_kind is 'What a secret is for.';

alter domain postrider.signing_secret rename to endpoint_secret_text;
alter domain postrider.endpoint_secret_text drop constraint "secret is whsec_ and base64 of 24 to 64 bytes";
alter domain postrider.endpoint_secret_text add constraint "secret is whsec_ and base64 of 24 to 64 bytes" check (
  value ~ '^(whsk_|sealed:|[{])' or value ~ '^whsec_[A-Za-z0-9+/]+={0,2}$' and length(value) between 38 and 94);
alter domain postrider.endpoint_secret_text drop constraint "secret is sealed as a daemon seals it";
alter domain postrider.endpoint_secret_text add constraint "secret is sealed as a daemon seals it" check (
  value !~ '^sealed:' or value ~ '^sealed:v1:[0-9a-f]{16}:[A-Za-z0-9+/]+={0,2}$' and length(value) <= 200000);
comment on domain postrider.endpoint_secret_text is
  'A key of HMAC-SHA256 (whsec_) or a private one of ed25519 (whsk_), written as Standard Webhooks does; a credential in JSON; or any of them sealed.';

alter table postrider.endpoint_secret add column credential_hash bytea;
-- A credential is replaced, and never stands beside another one.
create unique index endpoint_secret_credential on postrider.endpoint_secret (endpoint_id, kind) where kind not in ('hmac', 'ed25519');
comment on table postrider.endpoint_secret is
  'The secrets that sign an endpoint''s requests: all that have not expired sign, the newest first. Also its credentials, which say to the receiver who sends.';
comment on column postrider.endpoint_secret.secret is
  'For hmac, whsec_ and the base64 of 24 to 64 bytes; for ed25519, whsk_ and the base64 of the private and the public key, 32 bytes each, or null until a daemon has made them; for the others, what was written to the column of postrider.endpoint. If daemons have encryption keys, sealed:v1: with the id of the key and what it sealed. Never logged.';
comment on column postrider.endpoint_secret.kind is 'hmac or ed25519 for one that signs; auth or client_certificate for what was written to the column of that name.';
comment on column postrider.endpoint_secret.expires_at is 'When it expires, and signs no more; null for never, and for credentials.';
comment on column postrider.endpoint_secret.credential_hash is
  'Of a credential: a salted hash that takes milliseconds, which tells whether the same one is given again. Null for what signs.';
