-- Sends one event to this endpoint alone, marked as a test.
-- $1 endpoint, $2 event type, $3 payload
select postrider.send_test_event($1::uuid, coalesce($2::text, 'postrider.test'), coalesce($3::json, '{"test": true}')) as event_id;
