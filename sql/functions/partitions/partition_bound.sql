create or replace function postrider_internal.partition_bound(parent text, day date) returns text
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
  -- Not as the session writes a date, because any session reads this one alike.
  select case when postrider_internal.partition_key(partition_bound.parent) = 'minute' then to_char(partition_bound.day, 'YYYY-MM-DD "00:00:00+00"')
              else postrider.uuid_v7_floor(partition_bound.day::timestamp at time zone 'UTC')::text end;
end;
comment on function postrider_internal.partition_bound(text, date) is 'Where the partition of that day begins, in UTC, as text.';
