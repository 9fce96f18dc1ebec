-- grant: execute to operator

create or replace function postrider_internal.small_payload(payload json, bytes_max integer) returns json
language sql stable parallel safe
-- The size on disk needs no reading, and is the size of the text unless that is compressed, to a hundredth at best.
return case
  when pg_column_size(payload) > bytes_max then null
  when pg_column_compression(payload) is null or octet_length(payload::text) <= bytes_max then payload
end;
comment on function postrider_internal.small_payload(json, integer) is
  'A payload; null if it is larger than that many bytes, and must be loaded when its turn comes. If bytes_max is negative, no payload is read.';
