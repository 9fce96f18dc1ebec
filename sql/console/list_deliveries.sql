-- Deliveries that ended without success, the newest event first.
-- $1 states, $2 endpoint, $3 since, $4 limit, $5 and $6 behind this event and endpoint
with listed as materialized (
  select f.event_id, f.endpoint_id, f.state, f.reason, f.attempts, f.created_at, f.finished_at
  from (
    -- Of one endpoint by delivery_undelivered, of all by delivery_troubled, which has them in the order of their events.
    (select d.event_id, d.endpoint_id, d.state, d.reason, d.attempts, d.created_at, d.finished_at
     from postrider.delivery d
     where d.endpoint_id = $2::uuid and d.state in ('exhausted', 'discarded')
       and d.state = any (coalesce($1::text[], '{exhausted,discarded}'))
       and d.event_id >= postrider.uuid_v7_floor(coalesce($3::timestamptz, now() - interval '24 hours'))
       and ($5::uuid is null or d.event_id < $5)
     order by d.event_id desc
     limit $4::integer)
    union all
    (select d.event_id, d.endpoint_id, d.state, d.reason, d.attempts, d.created_at, d.finished_at
     from postrider.delivery d
     where $2 is null and (d.state in ('exhausted', 'discarded') or d.attempts > 1)
       and d.state = any (coalesce($1, '{exhausted,discarded}'))
       and d.event_id >= postrider.uuid_v7_floor(coalesce($3, now() - interval '24 hours'))
       and ($5 is null or d.event_id <= $5 and (d.event_id, d.endpoint_id) < ($5, $6::uuid))
     order by d.event_id desc, d.endpoint_id desc
     limit $4)) f
  order by f.event_id desc, f.endpoint_id desc
  limit $4
), named as materialized (
  -- Once, and not for each row.
  select e.id, e.name
  from postrider.endpoint e
  where e.id = any (array(select l.endpoint_id from listed l))
)
select d.event_id, d.endpoint_id, (select n.name from named n where n.id = d.endpoint_id) as name, o.event_type, o.tenant,
       d.state, d.reason, d.attempts, d.created_at, d.finished_at
from listed d
left join postrider.outbox o on o.id = d.event_id
order by d.event_id desc, d.endpoint_id desc;
