-- Puts the sealed form of a secret in its place, unless it was changed meanwhile.
-- $1 the secret's row, $2 the version of that row as it was read, $3 the sealed form
select postrider_internal.seal_secret($1::uuid, $2::text::xid, $3::text) as is_sealed;
