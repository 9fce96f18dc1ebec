-- Transformed payloads that were too large to come with their deliveries.
-- $1 events, $2 endpoint of each
select u.event_id, u.endpoint_id, p.payload
from unnest($1::uuid[], $2::uuid[]) u (event_id, endpoint_id)
cross join lateral (
  select t.payload
  from postrider.transformation t
  where t.event_id = u.event_id and t.endpoint_id = u.endpoint_id and t.payload is not null
  offset 0) p;
