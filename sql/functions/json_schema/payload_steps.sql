create or replace function postrider_internal.payload_steps(payload text, value_steps bigint, object_steps bigint, byte_steps bigint) returns bigint
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- Values and objects are counted by the characters that come with each, which is too many if strings contain them. In
-- long texts and numbers, 64 bytes are as much work as another value.
return (
  select value_steps * (1 + n.commas + n.arrays + n.objects + n.bytes / 64) + object_steps * n.objects + byte_steps * n.bytes
  from (
    select octet_length(payload) as bytes,
           octet_length(payload) - octet_length(replace(payload, ',', '')) as commas,
           octet_length(payload) - octet_length(replace(payload, '[', '')) as arrays,
           octet_length(payload) - octet_length(replace(payload, '{', '')) as objects) n);
comment on function postrider_internal.payload_steps(text, bigint, bigint, bigint) is
  'The most steps that a predicate takes to judge a payload.';
