-- grant: execute to operator

create or replace function postrider_internal.is_pem(given text, label text) returns boolean
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
-- RFC 7468. What is in such a block is a SEQUENCE, whose first byte is 0x30; other lines may stand around the blocks.
return given is null or coalesce((
  select bool_and(b.block[1] ~ '^[[:space:]]*M[A-Za-z0-9+/[:space:]]+={0,2}[[:space:]]*$'
                  and length(regexp_replace(b.block[1], '[[:space:]]', '', 'g')) % 4 = 0)
  from regexp_matches(given, format('-----BEGIN %s-----([^-]*)', label), 'g') b (block)), false);
comment on function postrider_internal.is_pem(text, text) is
  'Whether a text has a block in PEM with this label, and each of these holds what it should. Null passes.';
