-- Ends the tokens of the portal of a tenant, or of one subject of it.
-- $1 tenant, $2 subject, $3 reason
select postrider.revoke_portal_tokens($1::text, $2::text, $3::text) as revoked;
