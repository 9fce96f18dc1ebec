-- Creates an endpoint with its subscriptions. The secret is shown this once.
-- $1 URL, $2 event types, $3 filter, $4 name, $5 description, $6 headers
select c.endpoint_id, c.secret
from postrider_internal.portal_create_endpoint($1::text, $2::text[], $3::text, $4::text, $5::text, $6::jsonb) c;
