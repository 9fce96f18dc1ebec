-- Wakes the daemons that nap while this one is awake and has more than it can carry.
select pg_notify('postrider', '');
