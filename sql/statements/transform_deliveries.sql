-- What leased deliveries of endpoints with a transformation send: what was stored for them, or what is made and stored now.
-- $1 daemon, $2 events, $3 endpoint of each, $4 bytes of a payload at most, $5 whether making it is given up
-- Locks: the events that it reads (skip locked).
select event_id, endpoint_id, payload, payload_bytes, headers, problem, is_discarded
from postrider_internal.transform_deliveries($1::uuid, $2::uuid[], $3::uuid[], $4::integer, $5::boolean);
