-- The endpoints whose filters an event of this type is put to.
-- $1 event
select distinct s.endpoint_id
from postrider.outbox o
cross join lateral unnest(postrider.event_type_patterns(o.event_type)) p (pattern)
join postrider.subscription s on s.tenant = o.tenant and s.event_type = p.pattern
where o.id = $1::uuid and s.filter is not null;
