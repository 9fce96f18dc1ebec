-- Recently inserted event types that the catalogue lacks: postrider.refuse_unknown_event_types would refuse them.
-- role: postrider_reader
-- cost: reads the events of that time once, by id
-- set: within, how far to look back, such as 1 day
\if :{?within} \else \warn Set within, as in: psql -v within=... \quit \endif
select o.event_type, count(*) as events, min(o.created_at) as first_at, max(o.created_at) as last_at
from postrider.outbox o
where o.id >= postrider.uuid_v7_floor(now() - :'within'::interval)
  and not o.event_type like 'postrider.%'
  and not exists (select from postrider.event_type t where t.name = o.event_type)
group by o.event_type
order by events desc, o.event_type
limit 100;
