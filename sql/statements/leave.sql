-- A clean stop: takes the daemon's row away, so that whatever it still had in hand may be taken over at once.
-- $1 daemon
select postrider.leave($1::uuid);
