-- Inserts events, in the order of the list.
-- $1 the events, or one of them
select p.id
from postrider.publish_events(case json_typeof($1::json) when 'array' then $1 else json_build_array($1) end) p;
