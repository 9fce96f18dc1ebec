create or replace function postrider_internal.rebuilt_part(daemon_id uuid, minute timestamptz) returns uuid
language sql immutable parallel safe
return left(encode(sha256(convert_to(format('%s %s', daemon_id, extract(epoch from minute)::bigint), 'UTF8')), 'hex'), 32)::uuid;
comment on function postrider_internal.rebuilt_part(uuid, timestamptz) is
  'The part_id under which rebuild_minutes() adds a minute of a daemon, so that it is added once.';
