-- grant: execute to reader, operator

create or replace function postrider_internal.burn_rate(good numeric, bad numeric, overdue bigint, target numeric) returns double precision
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (coalesce(bad, 0) + overdue) / nullif((coalesce(good, 0) + coalesce(bad, 0) + overdue) * (1 - target), 0);
comment on function postrider_internal.burn_rate(numeric, numeric, bigint, numeric) is
  'How many times as many deliveries were not in time as the target allows; 1 uses up the budget exactly, null if there were none.';
