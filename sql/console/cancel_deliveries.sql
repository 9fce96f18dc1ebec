-- No further attempts of the deliveries of an event that a search has found, or of the one to an endpoint.
-- $1 event, $2 name or id of an endpoint, $3 reason
select postrider.cancel($1::uuid, e.id, $3::text) as outcome
from (
  select null::uuid as id where $2::text is null
  union all
  select e.id
  from postrider.endpoint e
  where (e.name = $2 or e.id::text = lower($2)) and e.tenant = (select o.tenant from postrider.outbox o where o.id = $1)) e;
