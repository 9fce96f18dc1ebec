-- Counts a part of what waits.
-- $1, $2 the endpoint and event behind which to begin, $3 rows to read at most
-- Index: delivery_oldest in each partition.
select w.endpoint_id, w.event_id, w.last_rows, w.endpoints, w.active, w.paused, w.due, w.overdue, w.overdue_seconds, w.oldest_seconds
from postrider_internal.measure_waiting($1::uuid, $2::uuid, $3::integer) w;
