-- Sends one event to this endpoint alone, marked as a test.
-- $1 endpoint, $2 event type, $3 payload
select postrider_internal.portal_send_test_event($1::uuid, $2::text, $3::json) as event_id;
