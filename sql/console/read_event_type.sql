-- An event type with its schema.
-- $1 name
select t.name, t.description, t.json_schema, t.enforce, t.deprecated, t.created_at, t.updated_at
from postrider.event_type t
where t.name = $1::text;
