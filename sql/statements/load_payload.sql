-- The payload of one event, if it was too large to come with the claim. If it is larger than the daemon has memory for
-- now, or than may be sent, only its size is returned.
-- $1 event, $2 most bytes of a payload
select case when octet_length(p.payload) <= $2::integer then p.payload end as payload, octet_length(p.payload) as bytes
from (
  select o.payload::text as payload
  from postrider.outbox o
  where o.id = $1::uuid
  offset 0) p;
