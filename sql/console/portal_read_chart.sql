-- What became of the deliveries of each endpoint, by hour.
-- $1 since
select e.id as endpoint_id, h.hour as at, h.succeeded_first + h.succeeded_later as succeeded, h.failed, h.exhausted, h.discarded
from postrider.portal_endpoint e
cross join lateral (
  select h.hour, h.succeeded_first, h.succeeded_later, h.failed, h.exhausted, h.discarded
  from postrider.portal_hour h
  where h.endpoint_id = e.id and h.hour >= greatest(coalesce($1::timestamptz, now() - interval '24 hours'), now() - interval '7 days')) h
order by e.id, h.hour;
