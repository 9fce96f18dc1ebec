-- Ends a session of the dashboard.
-- $1 SHA-256 of its token, in hex
select postrider_internal.close_api_session(decode($1::text, 'hex'));
