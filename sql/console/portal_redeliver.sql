-- One more attempt of a delivery now.
-- $1 event, $2 endpoint
select postrider_internal.portal_redeliver($1::uuid, $2::uuid) as deliveries;
