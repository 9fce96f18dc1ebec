-- Pauses an endpoint: its events wait.
-- $1 endpoint, $2 reason
select postrider_internal.portal_pause_endpoint($1::uuid, $2::text);
