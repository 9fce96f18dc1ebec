-- Lets daemons seal the secrets of endpoints, so that whoever reads the table cannot sign.
-- locks: postrider.endpoint_secret and daemon, for as long as it takes to look through the secrets
-- breaking: yes
--
-- Breaking, because a daemon that cannot open a sealed secret would send nothing to its endpoint.

alter domain postrider.signing_secret drop constraint "secret is whsec_ and base64 of 24 to 64 bytes";
alter domain postrider.signing_secret add constraint "secret is whsec_ and base64 of 24 to 64 bytes" check (
  value ~ '^(whsk_|sealed:)' or value ~ '^whsec_[A-Za-z0-9+/]+={0,2}$' and length(value) between 38 and 94);
alter domain postrider.signing_secret add constraint "secret is sealed as a daemon seals it" check (
  value !~ '^sealed:' or value ~ '^sealed:v1:[0-9a-f]{16}:[A-Za-z0-9+/]+={0,2}$' and length(value) <= 300);
comment on domain postrider.signing_secret is
  'A key of HMAC-SHA256 (whsec_) or a private one of ed25519 (whsk_), written as Standard Webhooks does, or either of them sealed.';
comment on column postrider.endpoint_secret.secret is
  'For hmac, whsec_ and the base64 of 24 to 64 bytes; for ed25519, whsk_ and the base64 of the private and the public key, 32 bytes each, or null until a daemon has made them. If daemons have encryption keys, sealed:v1: with the id of the key and what it sealed. Never logged.';
-- What daemons have yet to seal: empty most of the time if they have keys.
create index endpoint_secret_unsealed on postrider.endpoint_secret (id) where secret !~ '^sealed:';

alter table postrider.daemon add column encryption_key_ids text[] not null default '{}';
comment on column postrider.daemon.encryption_key_ids is
  'The ids of the encryption keys that it has. Nothing is sealed with a key that a daemon lacks.';
