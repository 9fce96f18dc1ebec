-- Whether a request of the API with an Idempotency-Key is to be done.
-- $1 SHA-256 of who asks and of the key, $2 and of what is asked, in hex
select b.state, b.status, b.answer from postrider_internal.begin_api_request(decode($1::text, 'hex'), decode($2::text, 'hex')) b;
