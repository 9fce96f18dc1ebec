-- grant: execute to reader, operator

create or replace function postrider_internal.percentiles(counts bigint[], bounds integer[]) returns table (
  p50 double precision, p95 double precision, p99 double precision, p50_within integer, p95_within integer, p99_within integer
)
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
-- As postrider.percentile() does, which is no call here, because a chart asks twice for each bar.
declare
  fractions constant double precision[] := '{0.5, 0.95, 0.99}';
  bounds_max constant integer := cardinality(bounds);
  total bigint := 0;
  up_to bigint := 0;
  lower_bound double precision := 0;
  share double precision;
  n bigint;
  place integer := 0;
  found integer := 0;
  times double precision[];
  within integer[];
begin
  foreach n in array coalesce(counts, '{}') loop
    total := total + coalesce(n, 0);
  end loop;
  if total > 0 then
    foreach n in array counts loop
      place := place + 1;
      n := coalesce(n, 0);
      while n > 0 and found < 3 and up_to + n >= total * fractions[found + 1] loop
        found := found + 1;
        within[found] := bounds[least(place, bounds_max)];
        share := greatest(total * fractions[found] - up_to, 0) / n;
        times[found] := case when place > bounds_max then bounds[bounds_max]
                             when lower_bound = 0 then bounds[place] * share
                             else lower_bound * power(bounds[place] / lower_bound, share) end;
      end loop;
      exit when found = 3;
      up_to := up_to + n;
      lower_bound := bounds[least(place, bounds_max)];
    end loop;
    p50 := times[1];
    p95 := times[2];
    p99 := times[3];
    p50_within := within[1];
    p95_within := within[2];
    p99_within := within[3];
  end if;
  return next;
end
$$;
comment on function postrider_internal.percentiles(bigint[], integer[]) is
  'Within how many milliseconds 50, 95 and 99 of 100 ended, interpolated, and the bounds that these lie within; null if nothing is counted.';
