-- The busiest endpoints of a stretch, and how they fared.
-- $1 since, $2 limit
select m.endpoint_id, e.tenant, e.name, e.shown_url as url, m.succeeded, m.failed, m.exhausted, m.discarded, m.requests_per_minute
from (
  select p.endpoint_id, sum(p.succeeded_first + p.succeeded_later)::bigint as succeeded, sum(p.failed)::bigint as failed,
         sum(p.exhausted)::bigint as exhausted, sum(p.discarded)::bigint as discarded,
         jsonb_object_agg(extract(epoch from p.minute)::bigint, p.succeeded_first + p.succeeded_later + p.failed) as requests_per_minute
  from (
    select p.endpoint_id, p.minute, sum(p.succeeded_first) as succeeded_first, sum(p.succeeded_later) as succeeded_later,
           sum(p.failed) as failed, sum(p.exhausted) as exhausted, sum(p.discarded) as discarded
    from postrider.endpoint_minute_part p
    where p.minute >= coalesce($1::timestamptz, now() - interval '1 hour')
    group by p.endpoint_id, p.minute) p
  group by p.endpoint_id
  order by sum(p.succeeded_first + p.succeeded_later + p.failed) desc, p.endpoint_id
  limit $2::integer) m
left join postrider.endpoint e on e.id = m.endpoint_id
order by m.succeeded + m.failed desc, m.endpoint_id;
