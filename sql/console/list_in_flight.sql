-- What daemons have in hand at this moment.
select f.event_id, f.endpoint_id, f.name, f.url, f.attempt_number, f.daemon_id, f.since, f.lease_expires_at, f.batch_id
from postrider.in_flight f
limit 1000;
