-- No further attempts of a delivery.
-- $1 event, $2 endpoint, $3 reason
select postrider.cancel($1::uuid, $2::uuid, $3::text) as outcome;
