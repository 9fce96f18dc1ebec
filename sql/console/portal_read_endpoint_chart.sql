-- What became of an endpoint's deliveries, in bars. A bar is missing if it had none.
-- $1 endpoint, $2 since, $3 length of a bar
with asked as (
  -- 300 bars at most, of a length that suits the stretch, unless it is given: of more than two hours whole five minutes, of more
  -- than a day whole hours.
  select t.unit, t.bar_length, date_bin(t.bar_length, t.since, 'epoch') as since
  from (
    select s.since, s.unit, s.unit * ceil(extract(epoch from greatest((now() - s.since) / 298, coalesce($3::interval, s.step))) / extract(epoch from s.unit))::float8 as bar_length
    from (
      select b.since,
             case when now() - b.since <= interval '2 hours' then interval '1 minute'
                  when now() - b.since <= interval '25 hours' then interval '5 minutes' else interval '1 hour' end as unit,
             case when now() - b.since <= interval '2 hours' then interval '1 minute'
                  when now() - b.since <= interval '25 hours' then interval '5 minutes'
                  when now() - b.since <= interval '8 days' then interval '1 hour' else interval '6 hours' end as step
      from (select greatest(coalesce($2::timestamptz, now() - interval '1 hour'), now() - interval '100 years') as since) b) s) t
)
select b.at, b.step, b.succeeded_first, b.succeeded_later, b.failed, b.exhausted, b.discarded, b.sent_again, b.failures,
       postrider.percentile(b.request_ms, postrider.request_ms_bounds(), 0.5) as request_p50_ms,
       postrider.percentile(b.request_ms, postrider.request_ms_bounds(), 0.95) as request_p95_ms
from (
  select date_bin(a.bar_length, m.at, 'epoch') as at, a.bar_length as step,
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
    where p.endpoint_id = $1::uuid and p.minute >= a.since and a.unit = interval '1 minute'
    union all
    select f.began_at, f.succeeded_first, f.succeeded_later, f.failed, f.exhausted, f.discarded, f.sent_again, f.failures, f.request_ms
    from postrider.portal_five_minutes f
    where f.endpoint_id = $1 and f.began_at >= a.since and a.unit = interval '5 minutes'
    union all
    select h.hour, h.succeeded_first, h.succeeded_later, h.failed, h.exhausted, h.discarded, h.sent_again, h.failures, h.request_ms
    from postrider.portal_hour h
    where h.endpoint_id = $1 and h.hour >= a.since and a.unit = interval '1 hour') m
  group by 1, a.bar_length) b
order by b.at
limit 302;
