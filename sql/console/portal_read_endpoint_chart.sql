-- What became of an endpoint's deliveries, in bars. A bar is missing if it had none.
-- $1 endpoint, $2 since, $3 length of a bar
with asked as (
  -- 300 bars at most, of a length that suits the stretch, unless it is given.
  select t.since, greatest((now() - t.since) / 300, coalesce($3::interval, case
      when now() - t.since <= interval '2 hours' then interval '1 minute'
      when now() - t.since <= interval '25 hours' then interval '5 minutes'
      when now() - t.since <= interval '8 days' then interval '1 hour'
      else interval '6 hours' end)) as step
  from (select coalesce($2::timestamptz, now() - interval '1 hour') as since) t
)
select b.at, b.step, b.succeeded_first, b.succeeded_later, b.failed, b.exhausted, b.discarded, b.sent_again, b.failures,
       postrider.percentile(b.request_ms, postrider.request_ms_bounds(), 0.5) as request_p50_ms,
       postrider.percentile(b.request_ms, postrider.request_ms_bounds(), 0.95) as request_p95_ms
from (
  select date_bin(a.step, m.at, 'epoch') as at, a.step,
         sum(m.succeeded_first)::bigint as succeeded_first, sum(m.succeeded_later)::bigint as succeeded_later,
         sum(m.failed)::bigint as failed, sum(m.exhausted)::bigint as exhausted, sum(m.discarded)::bigint as discarded,
         sum(m.sent_again)::bigint as sent_again,
         (select jsonb_object_agg(f.cause, f.attempts)
          from (select k.key as cause, sum(k.value::integer) as attempts
                from unnest(array_agg(m.failures) filter (where m.failures is not null)) p (counts) cross join lateral jsonb_each_text(p.counts) k
                group by k.key) f) as failures,
         array_remove(array[
           sum(m.request_ms[1]), sum(m.request_ms[2]), sum(m.request_ms[3]), sum(m.request_ms[4]), sum(m.request_ms[5]), sum(m.request_ms[6]),
           sum(m.request_ms[7]), sum(m.request_ms[8]), sum(m.request_ms[9]), sum(m.request_ms[10]), sum(m.request_ms[11]), sum(m.request_ms[12]),
           sum(m.request_ms[13]), sum(m.request_ms[14]), sum(m.request_ms[15]), sum(m.request_ms[16]), sum(m.request_ms[17])]::bigint[], null) as request_ms
  from asked a
  cross join lateral (
    select p.minute as at, p.succeeded_first, p.succeeded_later, p.failed, p.exhausted, p.discarded, p.sent_again, p.failures, p.request_ms
    from postrider.portal_minute p
    where p.endpoint_id = $1::uuid and p.minute >= a.since and a.since >= now() - interval '8 days'
    union all
    select h.hour, h.succeeded_first, h.succeeded_later, h.failed, h.exhausted, h.discarded, h.sent_again, h.failures, h.request_ms
    from postrider.portal_hour h
    where h.endpoint_id = $1 and h.hour >= a.since and a.since < now() - interval '8 days') m
  group by 1, a.step) b
order by b.at
limit 302;
