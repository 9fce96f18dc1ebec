-- grant: execute to reader, operator, daemon

create or replace function postrider.uuid_v7_time(id uuid) returns timestamptz
language sql immutable parallel safe strict
return case
  when substring(id::text from 15 for 1) = '7'
  then to_timestamp((('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint) / 1000.0)
end;
comment on function postrider.uuid_v7_time(uuid) is
  'Returns when a UUID version 7 was made, to the millisecond, or null for another UUID. Use it to read the time of an event from its id.';
