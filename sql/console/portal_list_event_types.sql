-- The catalogue of event types.
-- $1 limit, $2 behind this name
select t.name, t.description, t.deprecated, t.json_schema is not null as has_schema
from postrider.portal_event_type t
where $2::text is null or t.name > $2
order by t.name
limit $1::integer;
