-- A clean stop: takes the daemon's row away, so that whatever it still had in hand may be taken over at once.
-- $1 daemon
select postrider_internal.leave($1::uuid);
