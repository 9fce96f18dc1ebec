-- Attempts that failed, the newest first. At most 20,000 attempts other than first successes are looked at.
-- $1 endpoint, $2 since, $3 until, $4 limit
select a.event_id, a.endpoint_id,
       (select e.name from postrider.endpoint e where e.id = a.endpoint_id) as name,
       a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error
from (
  select a.event_id, a.endpoint_id, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error
  from postrider.other_attempt a
  where a.started_at >= coalesce($2::timestamptz, now() - interval '24 hours') and a.started_at < coalesce($3::timestamptz, now())
  order by a.started_at desc
  limit 20000) a
where a.failure_kind is not null and ($1::uuid is null or a.endpoint_id = $1)
order by a.started_at desc, a.id desc
limit $4::integer;
