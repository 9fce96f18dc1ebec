-- How long requests took and how late deliveries arrived, in bars. In a bar in which no daemon lived everything is null.
-- $1 endpoint, $2 tenant, $3 since, $4 length of a bar
select c.at, c.length as step, c.request_ms, c.delay_ms,
       r.p50 as request_p50_ms, r.p95 as request_p95_ms, r.p99 as request_p99_ms,
       r.p50_within as request_p50_within_ms, r.p95_within as request_p95_within_ms, r.p99_within as request_p99_within_ms,
       d.p50 as delay_p50_ms, d.p95 as delay_p95_ms, d.p99 as delay_p99_ms,
       d.p50_within as delay_p50_within_ms, d.p95_within as delay_p95_within_ms, d.p99_within as delay_p99_within_ms
from postrider.chart($3::timestamptz, $4::interval, $1::uuid, $2::text) c
cross join lateral postrider_internal.percentiles(c.request_ms, postrider.request_ms_bounds()) r
cross join lateral postrider_internal.percentiles(c.delay_ms, postrider.delay_ms_bounds()) d
order by c.at;
