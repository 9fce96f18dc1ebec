-- Wakes the daemons that nap, if this one is awake and has more than it can handle.
select pg_notify('postrider', 'peers');
