create or replace function postrider_internal.small_payload(payload json, bytes_max integer) returns text
language sql stable parallel safe
-- The size on disk comes first, because it needs no reading; the text may be a hundred times as long.
return case
  when pg_column_size(payload) <= bytes_max and octet_length(payload::text) <= bytes_max then payload::text
end;
comment on function postrider_internal.small_payload(json, integer) is
  'The text of a payload; null if it is larger than that many bytes, and must be loaded when its turn comes.';
