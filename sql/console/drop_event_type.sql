-- Removes an event type from the catalogue.
-- $1 name
select postrider.drop_event_type($1::text);
