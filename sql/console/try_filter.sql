-- The newest 20 of the last 2,000 events that are of a type, and whether each matches a filter.
-- $1 event type or a prefix such as order.*, $2 filter, $3 tenant
select o.id, o.event_type, o.created_at, o.payload::jsonb @@ $2::jsonpath as matches
from (
  select o.id, o.event_type, o.created_at, o.payload
  from (
    select o.id, o.event_type, o.created_at, o.payload, o.tenant
    from postrider.outbox o
    where o.id >= postrider.uuid_v7_floor(now() - interval '24 hours')
    order by o.id desc
    limit 2000) o
  where case when $1::text like '%.*' then starts_with(o.event_type, left($1, -1)) else o.event_type = $1 or $1 = '*' end
    and o.tenant = coalesce($3::text, '')
    -- The size on disk is known without reading the payload.
    and case when pg_column_size(o.payload) <= 1048576 then octet_length(o.payload::text) <= 1048576 and o.payload::text !~ E'\\\\u0000' end
  order by o.id desc
  limit 20) o
order by o.id desc;
