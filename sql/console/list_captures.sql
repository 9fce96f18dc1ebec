-- The tables whose row changes become events.
select c.table_name::text as table_name, c.event_type, c.operations, c.condition, c.payload, c.ordering_key, c.tenant,
       c.runs_as::text as runs_as, c.problem
from postrider.capture_status c
order by 1, 2
limit 1000;
