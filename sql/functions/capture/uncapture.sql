-- grant: execute to publisher

create or replace function postrider.uncapture(table_name regclass, event_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  captured text;
begin
  if not postrider_internal.drop_capture(table_name, event_type) then
    select string_agg(distinct (postrider_internal.trigger_arguments(t.tgargs))[1], ', ') into captured
    from pg_trigger t
    where t.tgrelid = table_name and not t.tgisinternal and t.tgname ~ '^postrider_(insert|update|delete)_' and t.tgnargs = 6;
    raise exception 'cannot end the capture of % from %: there is none', quote_nullable(event_type), table_name
      using errcode = 'undefined_object', detail = format('Captured from it: %s.', coalesce(captured, 'nothing')),
        hint = 'All captures are in postrider.capture_status.';
  end if;
end
$$;
comment on function postrider.uncapture(regclass, text) is
  'Ends a capture: changes of the table''s rows make no more events of that type. Use it if they are no longer needed, or before you drop what the capture names. Events that exist are delivered. For the owner of the table.';
