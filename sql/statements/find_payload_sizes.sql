-- How large the payloads of these events are, in bytes of UTF-8. The size of a compressed payload cannot be known without
-- reading it, nor that of any payload in another encoding, which may hold what has no form in UTF-8: that is an error.
-- $1 events, $2 whether to read those; their sizes are null if not
select u.id as event_id, p.bytes, p.stored_bytes
from unnest($1::uuid[]) u (id)
cross join lateral (
  select case when getdatabaseencoding() <> 'UTF8' then case when $2::boolean then octet_length(convert_to(o.payload::text, 'UTF8')) end
              when pg_column_compression(o.payload) is null then pg_column_size(o.payload)
              when $2::boolean then octet_length(o.payload::text) end as bytes,
         pg_column_size(o.payload) as stored_bytes
  from postrider.outbox o
  where o.id = u.id
  offset 0) p;
