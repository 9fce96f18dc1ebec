-- grant: execute to reader, operator

create or replace function postrider_internal.percentiles(counts bigint[], bounds integer[]) returns table (
  p50 double precision, p95 double precision, p99 double precision, p50_within integer, p95_within integer, p99_within integer
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
-- No statement of its own, because a chart asks twice for each bar.
declare
  bound integer;
begin
  p50 := postrider.percentile(counts, bounds, 0.5);
  if p50 is not null then
    p95 := postrider.percentile(counts, bounds, 0.95);
    p99 := postrider.percentile(counts, bounds, 0.99);
    -- What is interpolated lies within its bucket, so its bound is the next one.
    foreach bound in array bounds loop
      if bound >= p50 then
        p50_within := least(p50_within, bound);
      end if;
      if bound >= p95 then
        p95_within := least(p95_within, bound);
      end if;
      if bound >= p99 then
        p99_within := bound;
        exit;
      end if;
    end loop;
  end if;
  return next;
end
$$;
comment on function postrider_internal.percentiles(bigint[], integer[]) is
  'Within how many milliseconds 50, 95 and 99 of 100 ended, interpolated, and the bounds that these lie within; null if nothing is counted.';
