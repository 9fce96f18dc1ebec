-- Puts the sealed form of a secret in its place, unless it was changed meanwhile.
-- $1 the secret's row, $2 SHA-256 of what is there, in hexadecimal digits: the server's log may show it, $3 its sealed form
select postrider_internal.seal_secret($1::uuid, decode($2::text, 'hex'), $3::text) as is_sealed;
