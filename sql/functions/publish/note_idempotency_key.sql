-- grant: execute to publisher

-- A second transaction with the same key waits at the unique index until the first has ended, as at any unique key.
-- A publisher who calls this himself can use up a key, as he can by inserting an event with it. Retention removes either.
create or replace function postrider_internal.note_idempotency_key(tenant text, idempotency_key text, event_id uuid) returns boolean
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
  insert into postrider.idempotency_key (tenant, idempotency_key, event_id)
  values (note_idempotency_key.tenant, note_idempotency_key.idempotency_key, note_idempotency_key.event_id)
  on conflict on constraint idempotency_key_pkey do nothing;
  return found;
end
$$;
comment on function postrider_internal.note_idempotency_key(text, text, uuid) is
  'Notes the idempotency key of an event, and returns whether it was new. If not, the event is left out of its insert (INSERT 0 0).';
