-- Overwrites what an event said, wherever it is kept.
-- $1 event, $2 reason
select e.discarded, e.in_flight from postrider.erase_event($1::uuid, $2::text) e;
