-- Makes the partitions of the days ahead that are missing; gives up after 50 ms of waiting for a lock.
select made from postrider.make_partitions() made;
