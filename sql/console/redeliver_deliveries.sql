-- One more attempt of those deliveries of an event that a search has found. Those in progress, those that a person cancelled and
-- those to disabled endpoints are left alone.
-- $1 event, $2 states, $3 name or id of an endpoint, $4 attempts at least
select coalesce(sum(postrider.redeliver(d.event_id, d.endpoint_id)), 0)::integer as deliveries
from (
  select d.event_id, d.endpoint_id
  from postrider.delivery d
  join postrider.endpoint e on e.id = d.endpoint_id
  where d.event_id = $1::uuid and e.state <> 'disabled' and (d.lease_expires_at is null or d.lease_expires_at <= now())
    and (d.state <> 'discarded' or not postrider_internal.is_cancelled(d.reason))
    and ($2::text[] is null or d.state = any ($2))
    and ($3::text is null or e.name = $3 or e.id::text = lower($3))
    and ($4::integer is null or d.attempts >= $4)
  order by d.endpoint_id) d;
