-- Subscribes an endpoint to an event type, a prefix such as order.*, or *.
-- $1 endpoint, $2 event type, $3 filter
select postrider.subscribe($1::uuid, $2::text, $3::text) as subscription_id;
