-- Passes over a delivery that halts its ordering key.
-- $1 event, $2 endpoint
select postrider.skip($1::uuid, $2::uuid) as ordering_key;
