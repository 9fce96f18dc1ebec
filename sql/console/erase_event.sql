-- Overwrites what an event said, wherever it is kept.
-- $1 event
select e.discarded, e.in_flight from postrider.erase_event($1::uuid) e;
