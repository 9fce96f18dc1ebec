create or replace function postrider_internal.shown_time(at timestamptz) returns text
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
return case when at in ('infinity', '-infinity') then at::text else date_trunc('second', at)::text end;
comment on function postrider_internal.shown_time(timestamptz) is 'A time to the second, in the session''s time zone.';
