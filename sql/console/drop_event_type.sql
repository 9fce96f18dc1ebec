-- Removes an event type from the catalogue.
-- $1 name, $2 reason
select postrider.drop_event_type($1::text, $2::text);
