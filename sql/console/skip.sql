-- Passes over a delivery that halts its ordering key.
-- $1 event, $2 endpoint, $3 reason
select postrider.skip($1::uuid, $2::uuid, $3::text) as ordering_key;
