-- One step of keeping the partitions: makes those of the days ahead, and empties, then drops, those past their retention.
-- Gives up after 50 ms of waiting for a lock that keeps inserts out.
-- $1 retention in ms
select m.outcome, m.subject from postrider.maintain($1::double precision * interval '1 ms') m;
