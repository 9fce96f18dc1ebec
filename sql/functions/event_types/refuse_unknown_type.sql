create or replace function postrider_internal.refuse_unknown_type(event_type text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  meant constant text := postrider_internal.nearest_event_type(event_type);
begin
  raise exception 'the event type % is not in the catalogue', to_json(left(event_type, 255))
    using errcode = 'check_violation', constraint = 'the event type is in the catalogue',
      schema = 'postrider', table = 'outbox', column = 'event_type',
      detail = 'postrider.event_type_policy says that unknown types are refused.',
      hint = concat_ws(' ', 'Did you mean ' || meant || '?',
        'An operator can add it with postrider.define_event_type(...), or allow all types with postrider.allow_unknown_event_types().');
end
$$;
comment on function postrider_internal.refuse_unknown_type(text) is
  'Refuses an event for its type, and names the type that was probably meant.';
