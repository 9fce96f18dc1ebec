-- grant: execute to publisher, operator

create or replace function postrider.uuid_v7() returns uuid
language sql volatile parallel safe
return encode(
  set_bit(
    set_bit(
      overlay(
        uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3)
        from 1 for 6),
      52, 1),
    53, 1),
  'hex')::uuid;
comment on function postrider.uuid_v7() is
  'Makes a UUID version 7 (RFC 9562): milliseconds of the clock, then random bits. Use it if a statement needs the id of an event before the insert. PostgreSQL 18 has its own.';
