-- Ends another session of the same role, and rolls back what it has not committed. Ended and not only cancelled: a cancel
-- that arrives between two statements of the session does nothing.
-- $1 the process that serves it
-- $2 how long to wait for its end, in milliseconds
select pg_terminate_backend($1::integer, $2::bigint) as ended;
