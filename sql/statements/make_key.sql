-- Stores an ed25519 key, unless another daemon was faster.
-- $1 the secret's row, $2 the private key
select postrider_internal.make_key($1::uuid, $2::text) as is_made;
