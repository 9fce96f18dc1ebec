-- grant: execute to operator

create or replace function postrider.drop_event_type(name text, reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  meant text;
begin
  perform postrider_internal.begin_action('drop_event_type', null, jsonb_strip_nulls(jsonb_build_object(
    'name', drop_event_type.name, 'reason', drop_event_type.reason)));
  delete from postrider.event_type t where t.name = drop_event_type.name;
  if not found then
    meant := postrider_internal.nearest_event_type(drop_event_type.name);
    raise exception 'there is no event type % in the catalogue', coalesce(to_json(left(drop_event_type.name, 300))::text, 'null')
      using errcode = 'no_data_found',
        hint = concat_ws(' ', 'Did you mean ' || meant || '?', 'select name from postrider.event_type lists them.');
  end if;
  perform postrider_internal.end_action();
end
$$;
comment on function postrider.drop_event_type(text, text) is
  'Removes an event type from the catalogue. Use it if nothing publishes the type any more. Events of that type are still delivered, and can be inserted unless unknown types are refused.';
