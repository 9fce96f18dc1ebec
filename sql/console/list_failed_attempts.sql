-- Attempts that failed, the newest first. At most 20,000 attempts other than first successes are looked at.
-- $1 endpoint, $2 name or id of an endpoint, $3 HTTP status, $4 kind of failure, $5 since, $6 until, $7 limit, $8 and $9 behind
-- the attempt that started then and has this id
with listed as materialized (
  select a.event_id, a.endpoint_id, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error
  from (
    select a.event_id, a.endpoint_id, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error
    from postrider.other_attempt a
    where a.started_at >= coalesce($5::timestamptz, now() - interval '24 hours') and a.started_at < coalesce($6::timestamptz, now())
      and ($9::uuid is null or (a.started_at, a.id) < ($8::timestamptz, $9))
    order by a.started_at desc, a.id desc
    limit 20000) a
  where a.failure_kind is not null and ($1::uuid is null or a.endpoint_id = $1)
    and ($2::text is null or a.endpoint_id = any (array(select e.id from postrider.endpoint e where e.name = $2 or e.id::text = lower($2))))
    and ($3::smallint is null or a.http_status = $3)
    and ($4::text is null or a.failure_kind = $4)
  order by a.started_at desc, a.id desc
  limit $7::integer
), named as materialized (
  -- Once, and not for each row.
  select e.id, e.name
  from postrider.endpoint e
  where e.id = any (array(select l.endpoint_id from listed l))
)
select a.event_id, a.endpoint_id, (select n.name from named n where n.id = a.endpoint_id) as name,
       (select o.event_type from postrider.outbox o where o.id = a.event_id) as event_type,
       a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error
from listed a
order by a.started_at desc, a.id desc;
