-- A slice of a payload's text, in bytes of UTF-8, and the size of the whole. Postgres puts the whole payload together for
-- each slice, because json has no function that reads a part of it.
-- $1 event, $2 from which byte on, $3 how many
select octet_length(p.bytes) as payload_bytes, substring(p.bytes from $2::integer + 1 for $3::integer) as slice
from (
  select json_send(o.payload) as bytes
  from postrider.outbox o
  where o.id = $1::uuid and o.erased_at is null
  offset 0) p;
