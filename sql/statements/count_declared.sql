-- How many endpoints and event types there are.
select (select count(*) from postrider.endpoint) as endpoints, (select count(*) from postrider.event_type) as event_types;
