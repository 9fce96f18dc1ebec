-- The payload of one event, where it was too large to come with the claim; null with its size where it is larger than what
-- the daemon has memory for now, or than what is sent.
-- $1 event, $2 bytes of a payload at most
select case when octet_length(p.payload) <= $2::integer then p.payload end as payload, octet_length(p.payload) as bytes
from (
  select o.payload::text as payload
  from postrider.outbox o
  where o.id = $1::uuid
  offset 0) p;
