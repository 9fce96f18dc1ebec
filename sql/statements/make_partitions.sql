-- One step of making the partitions of the days ahead that are missing; gives up after 50 ms of waiting for a lock that
-- keeps inserts out.
select m.outcome, m.partition_name from postrider.make_partitions() m;
