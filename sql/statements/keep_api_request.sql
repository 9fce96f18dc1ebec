-- Keeps what the API answered to a request with an Idempotency-Key.
-- $1 SHA-256 of who asked and of the key, $2 and of what was asked, in hex, $3 HTTP status, $4 body
select postrider_internal.keep_api_request(decode($1::text, 'hex'), decode($2::text, 'hex'), $3::smallint, $4::text);
