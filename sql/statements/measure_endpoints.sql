-- What metrics tell of some endpoints.
-- $1 their ids, $2 deliveries of each to count at most
-- Index: the primary key of endpoint, and delivery_oldest in each partition.
select e.id, e.tenant, e.name, e.is_open, e.pending, e.oldest_seconds
from postrider_internal.measure_endpoints($1::uuid[], $2::integer) e;
