-- How many endpoints that may be sent to get thin events.
select count(*)::integer as endpoints
from postrider.endpoint e
where e.inline_limit is not null and e.state <> 'disabled';
