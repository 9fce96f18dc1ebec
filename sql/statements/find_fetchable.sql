-- Which of these pull endpoints have something for a receiver that waits.
-- $1 endpoints
select f.endpoint_id
from postrider_internal.find_fetchable($1) f;
