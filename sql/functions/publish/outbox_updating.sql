-- Only people who edit events by hand can break this; the functions that update events do not.
create or replace function postrider_internal.outbox_updating() returns trigger
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  missing constant text := case
    when new.id is null then 'id'
    when new.xid is null then 'xid'
    when new.created_at is null then 'created_at'
    when new.event_type is null then 'event_type'
    when new.tenant is null then 'tenant'
    when new.payload is null then 'payload' end;
begin
  if missing is not null then
    raise exception 'cannot change an event so that its % is null', missing
      using errcode = 'not_null_violation', schema = 'postrider', table = 'outbox', column = missing;
  end if;
  return new;
end
$$;
comment on function postrider_internal.outbox_updating() is
  'Refuses a null in an event that is changed, without showing the row: it holds the payload.';

create or replace trigger outbox_updating before update on postrider.outbox
  for each row execute function postrider_internal.outbox_updating();
comment on trigger outbox_updating on postrider.outbox is 'Refuses nulls without showing the row.';
