-- The payload of one event, where it was too large to come with the claim.
-- $1 event
select o.payload::text as payload
from postrider.outbox o
where o.id = $1::uuid;
