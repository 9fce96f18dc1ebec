-- The slowest receivers of the last hours' events: how long half of their answers, and 95 of 100, took at most.
-- role: postrider_reader
-- cost: reads the deliveries and attempts of these events; for a busy hour, seconds
-- set: hours, how far to look back, such as 1
\if :{?hours} \else \warn Set hours, as in: psql -v hours=... \quit \endif
select a.endpoint_id, e.tenant, e.name, e.shown_url as url, count(*) as attempts,
       percentile_disc(0.5) within group (order by a.duration_ms) as p50_ms,
       percentile_disc(0.95) within group (order by a.duration_ms) as p95_ms,
       max(a.duration_ms) as max_ms,
       count(*) filter (where a.failure_kind = 'timeout') as timeouts
from postrider.attempt a
left join postrider.endpoint e on e.id = a.endpoint_id
where a.event_id >= postrider.uuid_v7_floor(now() - :'hours' * interval '1 hour')
group by a.endpoint_id, e.tenant, e.name, e.shown_url
order by p95_ms desc
limit 20;
