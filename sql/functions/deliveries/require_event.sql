create or replace function postrider_internal.require_event(event_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from postrider.outbox o where o.id = require_event.event_id) then
    raise exception 'there is no event %', coalesce(event_id::text, 'null')
      using errcode = 'no_data_found', hint = 'It may be past its retention.';
  end if;
end
$$;
comment on function postrider_internal.require_event(uuid) is 'Raises an error if there is no such event.';
