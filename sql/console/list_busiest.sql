-- The busiest endpoints of a stretch of up to seven days, and how they fared.
-- $1 since, $2 limit
with counted as materialized (
  select c.endpoint_id, c.at, c.minutes, c.succeeded, c.failed, c.exhausted, c.discarded
  from postrider_internal.count_requests(coalesce($1::timestamptz, now() - interval '1 hour')) c
), busiest as (
  select c.endpoint_id, sum(c.succeeded)::bigint as succeeded, sum(c.failed)::bigint as failed, sum(c.exhausted)::bigint as exhausted,
         sum(c.discarded)::bigint as discarded
  from counted c
  group by c.endpoint_id
  order by sum(c.succeeded + c.failed) desc, c.endpoint_id
  limit $2::integer
)
select b.endpoint_id, e.tenant, e.name, e.shown_url as url, b.succeeded, b.failed, b.exhausted, b.discarded, m.requests_per_minute
from busiest b
join (
  select c.endpoint_id, jsonb_object_agg(extract(epoch from c.at)::bigint, round((c.succeeded + c.failed)::numeric / c.minutes, 1)::float8) as requests_per_minute
  from counted c
  where c.endpoint_id in (select w.endpoint_id from busiest w)
  group by c.endpoint_id) m on m.endpoint_id = b.endpoint_id
left join postrider.endpoint e on e.id = b.endpoint_id
order by b.succeeded + b.failed desc, b.endpoint_id;
