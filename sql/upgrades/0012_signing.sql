-- Lets an endpoint's requests be signed with ed25519 keys, alone or beside secrets of HMAC.
-- locks: postrider.endpoint and postrider.endpoint_secret, for as long as it takes to look through the secrets
-- breaking: yes
--
-- Breaking, because a daemon that does not know of these keys would send half of the signatures.

create domain postrider.endpoint_signing as text
  constraint "signing is hmac, ed25519 or both" check (value in ('hmac', 'ed25519', 'both'));
comment on domain postrider.endpoint_signing is 'What signs an endpoint''s requests.';

create domain postrider.signing_kind as text
  constraint "kind is hmac or ed25519" check (value in ('hmac', 'ed25519'));
comment on domain postrider.signing_kind is 'The algorithm that a secret is for.';

create domain postrider.signing_public_key as text
  constraint "public_key is whpk_ and base64 of 32 bytes" check (value ~ '^whpk_[A-Za-z0-9+/]{43}=$');
comment on domain postrider.signing_public_key is 'The public half of an ed25519 key, written as Standard Webhooks does.';

-- Each check lets pass what another one refuses with a better name.
alter domain postrider.signing_secret drop constraint "secret is whsec_ and base64 of 24 to 64 bytes";
alter domain postrider.signing_secret add constraint "secret is whsec_ and base64 of 24 to 64 bytes" check (
  value ~ '^whsk_' or value ~ '^whsec_[A-Za-z0-9+/]+={0,2}$' and length(value) between 38 and 94);
alter domain postrider.signing_secret add constraint "secret is whsk_ and base64 of 64 bytes" check (
  value !~ '^whsk_' or value ~ '^whsk_[A-Za-z0-9+/]{86}==$');
comment on domain postrider.signing_secret is
  'A key of HMAC-SHA256 (whsec_) or a private one of ed25519 (whsk_), written as Standard Webhooks does.';

alter table postrider.endpoint add column signing postrider.endpoint_signing not null default 'hmac';
comment on column postrider.endpoint.signing is
  'What signs its requests: hmac, with secrets that the receiver has, too; ed25519, with keys of which the receiver has only the public half; both. A daemon makes the ed25519 keys, and deliveries wait for them.';

alter table postrider.endpoint_secret add column kind postrider.signing_kind not null default 'hmac';
alter table postrider.endpoint_secret add column public_key postrider.signing_public_key;
alter table postrider.endpoint_secret alter column secret drop not null;
-- Keys that a daemon is to make: empty most of the time.
create index endpoint_secret_wanted on postrider.endpoint_secret (id) where secret is null;
comment on column postrider.endpoint_secret.secret is
  'For hmac, whsec_ and the base64 of 24 to 64 bytes; for ed25519, whsk_ and the base64 of the private and the public key, 32 bytes each, or null until a daemon has made them. Never logged.';
comment on column postrider.endpoint_secret.kind is 'hmac, or ed25519.';
comment on column postrider.endpoint_secret.public_key is
  'For ed25519: whpk_ and the base64 of 32 bytes, which the receiver verifies with. Null until a daemon has made the key, and for hmac.';
