create or replace function postrider_internal.lock_event_types() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into postrider.event_type_policy as p (unknown_types) values (default)
  on conflict on constraint event_type_policy_pkey do update set changed_at = clock_timestamp();
  return null;
end
$$;
comment on function postrider_internal.lock_event_types() is
  'Lets one transaction at a time edit the catalogue. It writes, so a transaction with an older snapshot fails instead of overlooking the last edit.';

create or replace trigger event_type_lock before insert or update or delete on postrider.event_type
  for each statement execute function postrider_internal.lock_event_types();
comment on trigger event_type_lock on postrider.event_type is 'Lets one transaction at a time edit the catalogue.';
