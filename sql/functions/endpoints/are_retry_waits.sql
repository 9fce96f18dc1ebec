-- grant: execute to operator

create or replace function postrider_internal.are_retry_waits(waits interval[]) returns boolean
language sql immutable parallel safe
return not exists (
  select from unnest(waits) w (wait)
  where w.wait is null
    -- Postgres stores months, days and the time of day separately, and compares intervals as if a month had 30 days and
    -- a day 24 hours. With mixed signs, or very many years, an interval can compare as short and still point years away.
    or extract(year from w.wait) <> 0 or extract(month from w.wait) not between 0 and 1
    or extract(day from w.wait) not between 0 and 30
    or extract(epoch from w.wait) - extract(month from w.wait) * 2592000 - extract(day from w.wait) * 86400 < 0
    or extract(epoch from w.wait) not between 0.001 and 2592000);
comment on function postrider_internal.are_retry_waits(interval[]) is 'Whether each of these is a wait of 1 ms to 30 days.';
