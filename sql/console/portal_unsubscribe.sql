-- Removes a subscription; deliveries that exist already continue.
-- $1 subscription
select postrider_internal.portal_unsubscribe($1::uuid);
