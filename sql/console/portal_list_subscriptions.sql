-- Which events an endpoint gets.
-- $1 endpoint
select s.id, s.event_type, s.filter::text as filter, s.created_at
from postrider.portal_subscription s
where s.endpoint_id = $1::uuid
order by s.id
limit 1000;
