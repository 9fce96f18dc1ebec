-- Ends a key of the API, and the sessions that were opened with it.
-- $1 key, $2 reason
select postrider.revoke_api_key($1::uuid, $2::text);
