create or replace function postrider_internal.can_be_read(event_id uuid) returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  payload_bytes_max constant integer := 2147483647;
begin
  -- As a client that speaks UTF-8 gets it.
  perform convert_to(e.event_type, 'UTF8'), convert_to(e.context::text, 'UTF8'), convert_to(e.payload::text, 'UTF8')
  from postrider_internal.find_event(can_be_read.event_id, payload_bytes_max) e;
  return true;
exception
  when data_exception or program_limit_exceeded or data_corrupted or index_corrupted then
    return false;
end
$$;
comment on function postrider_internal.can_be_read(uuid) is
  'Whether Postgres can give an event to its listener; false if a value has a character without a form in UTF-8, or is damaged or too large.';
