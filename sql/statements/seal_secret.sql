-- Puts the sealed form of a secret in its place, unless it was changed meanwhile.
-- $1 the secret's row, $2 what is there, $3 its sealed form
select postrider_internal.seal_secret($1::uuid, $2::text, $3::text) as is_sealed;
