-- What waits for an endpoint, the oldest event first.
-- $1 endpoint, $2 limit, $3 behind this event
select d.event_id, o.event_type, o.tenant, o.created_at, d.attempts, d.next_attempt_at, d.leased_by is not null as is_in_flight
from (
  select d.event_id, d.attempts, d.next_attempt_at, d.leased_by
  from postrider.delivery d
  where d.endpoint_id = $1::uuid and d.finished_at is null and ($3::uuid is null or d.event_id > $3)
  order by d.event_id
  limit $2::integer) d
left join postrider.outbox o on o.id = d.event_id
order by d.event_id;
