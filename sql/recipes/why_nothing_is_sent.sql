-- Why nothing is sent at all: whether sending is switched off, this is a copy in which daemons stop, or no daemon runs.
-- role: postrider_reader
-- cost: negligible
--
-- A member of postrider_operator switches it on: update postrider.sending set is_on = true. copy_problem says what shows
-- that the database is a copy; "postrider adopt" lets daemons work there. postrider.daemon_status says what hinders a daemon.
select s.is_on, s.reason, s.changed_at, s.changed_by, postrider.copy_problem() as copy_problem,
       (select count(*) from postrider.daemon_status d where d.state = 'live') as live_daemons,
       (select count(*) from postrider.daemon_status d where d.state = 'live' and d.condition <> 'well') as hindered_daemons
from postrider.sending s
where s.is_row;
