-- Removes a subscription.
-- $1 subscription, $2 reason
select postrider.unsubscribe($1::uuid, $2::text);
