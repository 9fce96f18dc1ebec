-- An event type with its schema.
-- $1 name
select t.name, t.description, t.json_schema, t.deprecated
from postrider.portal_event_type t
where t.name = $1::text;
