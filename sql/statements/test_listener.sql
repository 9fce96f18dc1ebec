-- Notifies this daemon's own listener, which may be at another server.
-- $1 the channel that it alone listens on, $2 what it is to hear
select pg_notify($1::text, $2::text);
