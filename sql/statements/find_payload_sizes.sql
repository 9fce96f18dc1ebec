-- How large the payloads of these events are, in bytes. Their size is stored with them, so none is read.
-- $1 events
select u.id as event_id, p.bytes
from unnest($1::uuid[]) u (id)
cross join lateral (
  select octet_length(o.payload::text) as bytes
  from postrider.outbox o
  where o.id = u.id
  offset 0) p;
