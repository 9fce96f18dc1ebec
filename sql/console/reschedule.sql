-- Moves an event that is not sent yet.
-- $1 event, $2 time
select postrider.reschedule($1::uuid, $2::timestamptz) as deliver_at;
