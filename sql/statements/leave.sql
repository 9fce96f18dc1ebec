-- A clean stop: deletes the daemon's row, so other daemons may take over at once what it still had in hand.
-- $1 daemon
select postrider_internal.leave($1::uuid);
