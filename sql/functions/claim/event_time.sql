-- grant: execute to operator

create or replace function postrider_internal.event_time(created_at timestamptz) returns json
language sql stable parallel safe
return to_json(event_time.created_at at time zone 'UTC');
comment on function postrider_internal.event_time(timestamptz) is
  'A time in UTC as daemons get it: ISO 8601 whatever the session''s settings say, a third of the price of to_char. The daemon writes it as the body of a request has it.';
