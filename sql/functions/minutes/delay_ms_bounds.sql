-- grant: execute to reader, operator, daemon

create or replace function postrider.delay_ms_bounds() returns integer[]
language sql immutable parallel safe
return '{10,50,100,500,1000,5000,10000,30000,60000,300000,1800000,7200000,21600000,86400000,259200000}'::integer[];
comment on function postrider.delay_ms_bounds() is
  'The upper bounds, in milliseconds, of the counts in delay_ms of postrider.endpoint_minute and postrider.daemon_minute. Use it to say what a count means; the count behind the last bound is of everything longer.';
