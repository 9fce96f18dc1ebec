-- An event without its payload.
-- $1 event
select o.id, o.event_type, o.ordering_key, o.created_at, o.deliver_at, o.erased_at, o.is_test
from postrider.portal_event o
where o.id = $1::uuid;
