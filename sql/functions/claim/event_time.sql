create or replace function postrider_internal.event_time(created_at timestamptz) returns text
language sql stable parallel safe
return to_char(event_time.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"');
comment on function postrider_internal.event_time(timestamptz) is
  'A time as the body of a request has it.';
