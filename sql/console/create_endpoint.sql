-- Creates an endpoint with its subscriptions. The secret is shown this once.
-- $1 URL, $2 event types, $3 tenant, $4 options
select c.endpoint_id, c.secret
from postrider.create_endpoint($1::text, coalesce($2::text[], '{*}'), coalesce($3::text, ''), coalesce($4::jsonb, '{}')) c;
