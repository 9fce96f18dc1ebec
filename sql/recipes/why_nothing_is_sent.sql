-- Why nothing is sent at all: is sending switched off, is this a copy in which daemons stop, is any daemon heard of.
-- role: postrider_reader
-- cost: none worth the name
--
-- A member of postrider_operator switches it on: update postrider.sending set is_on = true. copy_problem is what shows that the
-- database is a copy; "postrider adopt" lets daemons go on there. What hinders a daemon: postrider.daemon_status.
select s.is_on, s.reason, s.changed_at, s.changed_by, postrider.copy_problem() as copy_problem,
       (select count(*) from postrider.daemon_status d where d.state = 'live') as live_daemons,
       (select count(*) from postrider.daemon_status d where d.state = 'live' and d.condition <> 'well') as hindered_daemons
from postrider.sending s
where s.is_row;
