-- The deliveries of these endpoints that were cancelled while a daemon had them in hand.
-- $1 endpoints
-- The table is empty most of the time, and never holds more than what is in hand.
select c.event_id, c.endpoint_id, postrider_internal.readable(c.reason) as reason
from postrider.cancellation c
where c.endpoint_id = any ($1::uuid[]);
