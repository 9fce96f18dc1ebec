-- What was sent to this customer on this day: every request, in order, with its answer.
-- role: postrider_reader
-- cost: reads the attempts of five days of events: with the default schedule a retry comes three days after its event
-- set: tenant, the customer; day, such as yesterday or 2026-11-24, in the session's time zone
\if :{?tenant} \else \warn Set tenant, as in: psql -v tenant=... \quit \endif
\if :{?day} \else \warn Set day, as in: psql -v day=... \quit \endif
with day as (
  select :'day'::date::timestamptz as begins, (:'day'::date + 1)::timestamptz as ends
)
select a.started_at, o.event_type, a.event_id, o.idempotency_key, a.endpoint_id, e.name, e.shown_url as url,
       a.attempt_number, a.http_status, a.failure_kind, a.error, a.duration_ms
from day
join postrider.attempt a on a.started_at >= day.begins and a.started_at < day.ends
join postrider.outbox o on o.id = a.event_id
left join postrider.endpoint e on e.id = a.endpoint_id
where o.tenant = :'tenant'
  and a.event_id >= (select postrider.uuid_v7_floor(d.begins - interval '4 days') from day d)
  and a.event_id < (select postrider.uuid_v7_floor(d.ends) from day d)
order by a.started_at, a.event_id, a.endpoint_id;
