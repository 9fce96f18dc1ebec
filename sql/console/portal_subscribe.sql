-- Subscribes an endpoint to events, from now on.
-- $1 endpoint, $2 event type, $3 filter
select postrider_internal.portal_subscribe($1::uuid, $2::text, $3::text) as subscription_id;
