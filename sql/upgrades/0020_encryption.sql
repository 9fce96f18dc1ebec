-- Lets an endpoint's bodies be encrypted to a public key of its receiver.
-- locks: postrider.endpoint, for a moment
-- breaking: yes
--
-- Breaking, because a daemon that does not know of these keys would send bodies in the clear.

create domain postrider.endpoint_encryption_key as jsonb
  constraint "encryption_key is a public JWK that can encrypt" check (postrider_internal.is_public_jwk(value));
comment on domain postrider.endpoint_encryption_key is 'A public key of a receiver, as a JWK.';

alter table postrider.endpoint add column encryption_key postrider.endpoint_encryption_key;
comment on column postrider.endpoint.encryption_key is
  'The receiver''s public key, to which bodies are encrypted before they are signed: a JWK of X25519 or P-256 (ECDH-ES+A256KW) or of RSA with 3072 to 8192 bits (RSA-OAEP-256). Null to send them in the clear. Private and symmetric keys are refused. Headers are never encrypted.';
