-- An event without its payload.
-- $1 event
select o.id, o.event_type, o.tenant, o.ordering_key, o.idempotency_key, o.created_at, o.deliver_at, o.erased_at,
       o.test_endpoint_id is not null as is_test, o.seq, o.xid
from postrider.outbox o
where o.id = $1::uuid;
