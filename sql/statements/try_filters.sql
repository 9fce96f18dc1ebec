-- Applies the filters of one endpoint to an event, to see whether one of them takes too long.
-- $1 event, $2 endpoint
select j.is_slow
from (
  select o.payload, f.endpoint_ids, f.filters
  from postrider.outbox o
  cross join lateral (
    select coalesce(array_agg(s.endpoint_id), '{}') as endpoint_ids, coalesce(array_agg(s.filter), '{}') as filters
    from postrider.subscription s
    where s.endpoint_id = $2::uuid and s.filter is not null and s.tenant = o.tenant
      and s.event_type = any (postrider_internal.event_type_patterns(o.event_type))) f
  where o.id = $1::uuid
  offset 0) e
cross join lateral postrider_internal.judge_filters(e.payload, e.endpoint_ids, e.filters) j;
