-- Opens a session of the dashboard, by a key or a link.
-- $1 SHA-256 of it, in hex
select s.token, extract(epoch from s.expires_at - now())::integer as lasts_s
from postrider_internal.open_api_session(decode($1::text, 'hex')) s;
