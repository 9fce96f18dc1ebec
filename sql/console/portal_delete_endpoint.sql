-- Removes an endpoint, or says what that would end.
-- $1 endpoint, $2 reason, $3 whether only to say it
select d.name, d.url, d.pending, d.is_exact, d.in_flight, d.subscriptions, d.replays
from postrider_internal.portal_delete_endpoint($1::uuid, $2::text, $3::boolean) d;
