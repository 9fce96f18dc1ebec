create or replace function postrider_internal.retention_period() returns interval
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce((select r.period from postrider.retention r), interval '30 days');
comment on function postrider_internal.retention_period() is 'How long events are kept: as postrider.retention says, or 30 days.';
