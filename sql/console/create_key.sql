-- Makes a key of the API, shown this once.
-- $1 name, $2 scopes, $3 until when
select postrider.create_api_key($1::text, coalesce($2::text[], '{read}'), $3::timestamptz) as key;
