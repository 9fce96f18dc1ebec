-- Makes a token of the portal for a tenant, shown this once.
-- $1 tenant, $2 capabilities, $3 how long it is valid, $4 for whom
select t.token, t.expires_at
from postrider.create_portal_token($1::text, coalesce($2::text[], '{endpoints:read,attempts:read}'), coalesce($3::interval, '15 minutes'), $4::text) t;
