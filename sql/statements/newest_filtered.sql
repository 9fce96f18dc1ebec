-- The newest events, among the newest thousand, to which the filters of an endpoint apply.
-- $1 endpoint, $2 events at most. Index: outbox (id), from its end.
select n.id as event_id
from (
  select o.id, o.tenant, o.event_type
  from postrider.outbox o
  order by o.id desc
  limit 1000) n
where exists (
  select from postrider.subscription s
  where s.endpoint_id = $1::uuid and s.filter is not null and s.tenant = n.tenant
    and s.event_type = any (postrider_internal.event_type_patterns(n.event_type)))
order by n.id desc
limit $2::integer;
