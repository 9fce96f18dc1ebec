create or replace function postrider_internal.counted(number bigint, noun text, plural text default null) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return number || ' ' || case when number = 1 then noun else coalesce(plural, noun || 's') end;
comment on function postrider_internal.counted(bigint, text, text) is 'A number with its noun: 1 event, 2 events.';
