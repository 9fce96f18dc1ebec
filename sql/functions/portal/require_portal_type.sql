create or replace function postrider_internal.require_portal_type(event_type text) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  if event_type = 'postrider' or starts_with(event_type, 'postrider.') then
    raise exception 'the event type % is not for tenants', event_type
      using errcode = 'invalid_parameter_value', hint = 'Choose one of the catalogue.';
  end if;
end
$$;
comment on function postrider_internal.require_portal_type(text) is
  'Refuses Postrider''s own event types, which tell operators of every tenant''s endpoints.';
