create or replace function postrider_internal.pull_cursor(cursor_key bytea, endpoint_id uuid, place bigint) returns text
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return translate(encode(
  int8send(pull_cursor.place) || substring(
    sha256(pull_cursor.cursor_key || sha256(pull_cursor.cursor_key || uuid_send(pull_cursor.endpoint_id) || int8send(pull_cursor.place))) from 1 for 16),
  'base64'), '+/', '-_');
comment on function postrider_internal.pull_cursor(bytea, uuid, bigint) is
  'The cursor behind a place: the place, and a hash that only the endpoint''s key makes. A receiver can pass it on, and not invent one.';
