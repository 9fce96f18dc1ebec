-- One step of keeping the partitions: makes those of the days ahead, and empties, then drops, those past their retention.
-- Gives up after 50 ms of waiting for a lock that keeps inserts out.
select m.outcome, m.subject from postrider.maintain() m;
