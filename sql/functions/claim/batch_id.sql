create or replace function postrider_internal.batch_id(endpoint_id uuid, event_ids uuid[]) returns uuid
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
begin atomic
  select encode(set_byte(set_byte(h.bytes, 6, get_byte(h.bytes, 6) & 15 | 128), 8, get_byte(h.bytes, 8) & 63 | 128), 'hex')::uuid
  from (
    select substr(sha256(uuid_send(batch_id.endpoint_id) || string_agg(uuid_send(u.id), '\x'::bytea order by u.id)), 1, 16) as bytes
    from unnest(batch_id.event_ids) u (id)) h;
end;
comment on function postrider_internal.batch_id(uuid, uuid[]) is
  'The id of the batch with these members: a UUID of version 8 made of a hash. So the same members have the same id, whoever sends them, and others have another one.';
