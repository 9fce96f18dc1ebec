-- Notes what a receiver said to a handshake.
-- $1 endpoint, $2 the request, as take_handshakes() names it, $3 whether it consents, $4 the rate that it allows, per minute, or null
-- $5 the status of its answer, or null, $6 why it does not consent, or null
select postrider_internal.record_handshake($1::uuid, $2::bigint, $3::boolean, $4::integer, $5::smallint, $6::text) as is_recorded;
