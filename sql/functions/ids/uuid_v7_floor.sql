-- grant: execute to reader, operator, daemon

create or replace function postrider.uuid_v7_floor(at timestamptz) returns uuid
language sql stable parallel safe strict
return (lpad(to_hex((extract(epoch from at) * 1000)::bigint), 12, '0') || '00000000000000000000')::uuid;
comment on function postrider.uuid_v7_floor(timestamptz) is
  'Returns the smallest UUID of a millisecond. Use it to bound a stretch of time by ids, so that only its partitions are read: where id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';
