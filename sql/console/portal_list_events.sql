-- Events, the newest first, with how many of their deliveries are in each state.
-- $1 since, $2 until, $3 type or a prefix such as order.*, $4 endpoint, $5 limit, $6 older than this one
select o.id, o.event_type, o.ordering_key, o.created_at, o.deliver_at, o.erased_at, o.is_test, o.deliveries
from postrider_internal.portal_events($1::timestamptz, $2::timestamptz, $3::text, $4::uuid, $6::uuid, $5::integer) o;
