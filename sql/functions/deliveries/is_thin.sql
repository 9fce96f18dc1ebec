-- grant: execute to reader, operator

create or replace function postrider_internal.is_thin(payload json, inline_limit integer) returns boolean
language sql stable parallel safe
-- The size on disk needs no reading. It is that of the text, and up to four bytes more, unless it is compressed.
return case
  when inline_limit is null then false
  when pg_column_size(payload) > inline_limit + 4 then true
  when pg_column_compression(payload) is null and pg_column_size(payload) > 8192 then pg_column_size(payload) > inline_limit
  else octet_length(payload::text) > inline_limit
end;
comment on function postrider_internal.is_thin(json, integer) is
  'Whether a payload is larger than an endpoint''s inline_limit, so that its receiver fetches it.';
