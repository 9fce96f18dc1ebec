-- Disables an endpoint: it gets no new deliveries, and pending ones are discarded.
-- $1 endpoint, $2 reason
select postrider.disable_endpoint($1::uuid, $2::text);
