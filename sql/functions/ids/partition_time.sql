create or replace function postrider_internal.partition_time(id uuid) returns timestamptz
language sql immutable parallel safe strict
return to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0);
comment on function postrider_internal.partition_time(uuid) is
  'The time that the first 48 bits of a UUID represent, whatever its version. It decides the partition.';
