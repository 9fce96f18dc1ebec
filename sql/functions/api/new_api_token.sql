create or replace function postrider_internal.new_api_token(prefix text) returns text
language sql volatile
set search_path = pg_catalog, pg_temp
-- 32 bytes out of three random UUIDs, as new_secret() makes them, in letters that need no escaping
return prefix || rtrim(translate(encode(sha256(
  uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64'), '+/', '-_'), '=');
comment on function postrider_internal.new_api_token(text) is 'Makes a key, a session''s token or a link of the API: 256 random bits behind a prefix.';
