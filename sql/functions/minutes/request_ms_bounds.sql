-- grant: execute to reader, operator, daemon, portal

create or replace function postrider.request_ms_bounds() returns integer[]
language sql immutable parallel safe
return '{1,2,5,10,20,50,100,200,500,1000,2000,5000,10000,20000,50000,120000}'::integer[];
comment on function postrider.request_ms_bounds() is
  'The upper bounds, in milliseconds, of the counts in request_ms of postrider.endpoint_minute and postrider.daemon_minute. Use it to say what a count means; the count behind the last bound is of everything longer.';
