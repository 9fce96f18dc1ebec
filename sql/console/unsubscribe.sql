-- Removes a subscription.
-- $1 subscription
select postrider.unsubscribe($1::uuid);
