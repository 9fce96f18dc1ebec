-- What metrics tell of the database, but for what waits: endpoints, circuits, daemons, replays, partitions, the version.
-- $1 unclaimed events to count at most
-- Reads all endpoints and daemons; of the outbox what is unclaimed, by outbox_window.
select f.schema_version, f.partition_days_ahead, f.active, f.paused, f.disabled, f.circuits_open, f.circuit_seconds, f.unconsented,
       f.live, f.late, f.lost, f.replays, f.notification_queue_ratio, f.unclaimed, f.unclaimed_seconds
from postrider_internal.measure_figures($1::integer) f;
