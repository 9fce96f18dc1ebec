-- Whose request of the API it is, and what it may do.
-- $1 SHA-256 of the key, or of the session's token, in hex
select k.key_id, k.name, k.scopes from postrider_internal.use_api_key(decode($1::text, 'hex')) k;
