-- Payloads that were too large to come with their claims.
-- $1 events
select u.id as event_id, p.payload
from unnest($1::uuid[]) u (id)
cross join lateral (
  select o.payload
  from postrider.outbox o
  where o.id = u.id and o.erased_at is null
  offset 0) p;
