-- Ends a key of the API, and the sessions that were opened with it.
-- $1 key
select postrider.revoke_api_key($1::uuid);
