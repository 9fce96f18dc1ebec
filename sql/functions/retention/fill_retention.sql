-- grant: execute to daemon

create or replace function postrider_internal.fill_retention(period interval) returns interval
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  insert into postrider.retention as r (period) values (justify_hours(fill_retention.period))
  on conflict on constraint retention_pkey do update set period = excluded.period where r.period is null;
  return (select r.period from postrider.retention r);
end
$$;
comment on function postrider_internal.fill_retention(interval) is
  'Sets the retention if it is not set yet, and returns the one that counts.';
