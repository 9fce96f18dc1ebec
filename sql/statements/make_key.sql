-- Stores an ed25519 key, unless another daemon was faster.
-- $1 the secret's row, $2 the private key, perhaps sealed, $3 the public one
select postrider_internal.make_key($1::uuid, $2::text, $3::text) as is_made;
