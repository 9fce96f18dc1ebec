-- An event's payload as it was written, or its first 256 KiB.
-- $1 event
select o.id, octet_length(o.payload::text) as payload_bytes, left(o.payload::text, 262144) as payload,
       length(o.payload::text) <= 262144 as is_whole
from postrider.portal_payload o
where o.id = $1::uuid;
