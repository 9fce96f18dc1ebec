-- Pauses an endpoint: its events are still routed and wait.
-- $1 endpoint, $2 reason
select postrider.pause_endpoint($1::uuid, $2::text);
