-- grant: execute to reader, operator

create or replace function postrider_internal.rate_burst(rate_limit numeric, rate_burst integer) returns integer
language sql immutable parallel safe
return coalesce(rate_burst, ceil(rate_limit)::integer);
comment on function postrider_internal.rate_burst(numeric, integer) is
  'How many requests an endpoint with a rate may be sent at once: those of one second, unless it says otherwise.';
