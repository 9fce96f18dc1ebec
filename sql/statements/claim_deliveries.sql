-- Leases due deliveries, a few of each endpoint. The last row says where to continue, null at the end, and when more is due.
-- $1 daemon, $2 endpoint to continue after, $3 endpoints to look at, $4 deliveries at most, $5 of one endpoint at most,
-- $6 endpoints whose room is known, $7 that room, $8 lease beyond the endpoint's timeout in ms, $9 bytes of a payload
-- Locks: the rows it leases (skip locked). Indexes: delivery_due, delivery_order.
select event_id, endpoint_id, attempts, attempts_before, is_again, deliver_at_ms, event_type, created_at, context, payload,
       batch_id, ordering_seq, is_limited, revision, lease_ms, next_due_ms
from postrider_internal.claim_deliveries($1::uuid, $2::uuid, $3::integer, $4::integer, $5::integer, $6::uuid[], $7::integer[], $8::integer,
  $9::integer);
