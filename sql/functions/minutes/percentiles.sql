-- grant: execute to reader, operator

create or replace function postrider_internal.percentiles(counts bigint[], bounds integer[]) returns table (
  p50 double precision, p95 double precision, p99 double precision, p50_within integer, p95_within integer, p99_within integer
)
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
  -- What is interpolated lies within its bucket, so its bound is the next one.
  select p.p50, p.p95, p.p99,
         (select min(b.bound) from unnest(bounds) b (bound) where b.bound >= p.p50),
         (select min(b.bound) from unnest(bounds) b (bound) where b.bound >= p.p95),
         (select min(b.bound) from unnest(bounds) b (bound) where b.bound >= p.p99)
  from (
    select postrider.percentile(counts, bounds, 0.5) as p50, postrider.percentile(counts, bounds, 0.95) as p95,
           postrider.percentile(counts, bounds, 0.99) as p99
    offset 0) p;
end;
comment on function postrider_internal.percentiles(bigint[], integer[]) is
  'Within how many milliseconds 50, 95 and 99 of 100 ended, interpolated, and the bounds that these lie within; null if nothing is counted.';
