-- Endpoints whose last attempts have all failed, since when, and with what; the longest first.
-- role: postrider_reader
-- cost: reads the attempts of the events of that time: some seconds for ten million
-- set: within, how far back to look, such as '6 hours'; a success before that is not seen
with recent as materialized (
  select a.endpoint_id, a.started_at, a.http_status, a.failure_kind, a.error
  from postrider.attempt a
  where a.event_id >= postrider.uuid_v7_floor(now() - :'within'::interval)
), success as (
  select r.endpoint_id, max(r.started_at) as at
  from recent r
  where r.failure_kind is null
  group by r.endpoint_id
)
select r.endpoint_id, e.tenant, e.shown_url as url, e.state,
       min(r.started_at) as failing_since, count(*) as failures, max(s.at) as last_success_at,
       (array_agg(r.failure_kind order by r.started_at desc))[1] as last_failure_kind,
       (array_agg(r.http_status order by r.started_at desc))[1] as last_http_status,
       (array_agg(r.error order by r.started_at desc))[1] as last_error
from recent r
left join success s on s.endpoint_id = r.endpoint_id
left join postrider.endpoint e on e.id = r.endpoint_id
where r.failure_kind is not null and (s.at is null or r.started_at > s.at)
group by r.endpoint_id, e.tenant, e.shown_url, e.state
order by failing_since;
