-- If a key is known, the event is left out of the insert (INSERT 0 0). A second transaction with the same key waits at
-- the unique index until the first has ended, as at any unique key.
create or replace function postrider_internal.outbox_idempotency() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into postrider.idempotency_key (tenant, idempotency_key, event_id)
  values (new.tenant, new.idempotency_key, new.id)
  on conflict on constraint idempotency_key_pkey do nothing;
  return case when found then new end;
end
$$;
comment on function postrider_internal.outbox_idempotency() is 'Leaves an event out of the insert if its idempotency key is known already.';

create or replace trigger outbox_idempotency before insert on postrider.outbox
  for each row when (new.idempotency_key is not null)
  execute function postrider_internal.outbox_idempotency();
comment on trigger outbox_idempotency on postrider.outbox is 'Fires only for rows that carry an idempotency key.';
