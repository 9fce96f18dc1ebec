-- An event's payload as it was written, or its first 256 KiB.
-- $1 event
select p.id, octet_length(p.text) as payload_bytes, left(p.text, 262144) as payload, length(p.text) <= 262144 as is_whole
from (
  -- Made once, because a payload may have a gigabyte.
  select o.id, o.payload::text as text
  from postrider.portal_payload o
  where o.id = $1::uuid
  offset 0) p;
