-- Defines an event type, or changes it. Without a schema it keeps the one that is there.
-- $1 name, $2 description, $3 schema, $4 whether payloads must fit it, $5 whether it should no longer be used
select postrider.define_event_type($1::text, $2::text, $3::jsonb, coalesce($4::boolean, false), coalesce($5::boolean, false));
