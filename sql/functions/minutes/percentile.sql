-- grant: execute to reader, operator, daemon, portal

create or replace function postrider.percentile(
  counts bigint[], bounds integer[], fraction double precision, interpolate boolean default true
) returns double precision
language plpgsql immutable parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  -- What took longer than the last bound had the longest time limit that there is, which is that bound.
  bounds_max constant integer := cardinality(bounds);
  total bigint := 0;
  wanted double precision;
  up_to bigint := 0;
  lower_bound double precision := 0;
  share double precision;
  n bigint;
begin
  foreach n in array coalesce(counts, '{}') loop
    total := total + coalesce(n, 0);
  end loop;
  if total = 0 then
    return null;
  end if;
  wanted := total * fraction;
  for place in 1 .. cardinality(counts) loop
    n := coalesce(counts[place], 0);
    if n > 0 and up_to + n >= wanted then
      exit when place > bounds_max;
      if not interpolate then
        return bounds[place];
      end if;
      share := greatest(wanted - up_to, 0) / n;
      -- Bounds grow by factors, so the middle of 100 and 200 is 141; from 0 on there is no factor.
      return case when lower_bound = 0 then bounds[place] * share else lower_bound * power(bounds[place] / lower_bound, share) end;
    end if;
    up_to := up_to + n;
    lower_bound := bounds[least(place, bounds_max)];
  end loop;
  return bounds[bounds_max];
end
$$;
comment on function postrider.percentile(bigint[], integer[], double precision, boolean) is
  'Within how many milliseconds a fraction of what is counted ended, such as 0.95: percentile(request_ms, postrider.request_ms_bounds(), 0.95) of a row of postrider.endpoint_minute or endpoint_hour. Use it for charts of latency. Between two bounds it is interpolated, or the upper one if interpolate is false. Null if nothing is counted.';
