-- How large the payloads of these events are, in bytes. Postgres reads a payload for that only if it is compressed.
-- $1 events
select u.id as event_id, p.bytes
from unnest($1::uuid[]) u (id)
cross join lateral (
  select case when pg_column_compression(o.payload) is null then pg_column_size(o.payload)
              else octet_length(o.payload::text) end as bytes
  from postrider.outbox o
  where o.id = u.id
  offset 0) p;
