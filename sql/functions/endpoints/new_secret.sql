create or replace function postrider_internal.new_secret() returns text
language sql volatile
set search_path = pg_catalog, pg_temp
-- 32 bytes out of three random UUIDs: 366 random bits, and no extension
return 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');
comment on function postrider_internal.new_secret() is 'Makes a secret of 32 random bytes, in the format of Standard Webhooks.';
