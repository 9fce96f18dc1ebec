-- grant: execute to publisher

-- Acts with its owner's rights, because a publisher does not read payloads. Only a repeated key pays for it.
create or replace function postrider_internal.warn_of_other_event(tenant text, idempotency_key text, event_type text, payload json)
returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  first record;
  is_other boolean;
begin
  select o.id, o.event_type, o.payload into first
  from postrider.idempotency_key k
  join postrider.outbox o on o.id = k.event_id
  where k.tenant = warn_of_other_event.tenant and k.idempotency_key = warn_of_other_event.idempotency_key and o.erased_at is null;
  is_other := first.event_type <> event_type or first.payload::text <> payload::text;
  if is_other and first.event_type = event_type then
    begin
      is_other := first.payload::jsonb <> payload::jsonb;
    exception when others then -- what jsonb cannot hold is compared as text
    end;
  end if;
  if is_other then
    raise warning 'an event was left out, because its idempotency key is that of another event'
      using detail = format('The event %s has the same key and tenant, and another type or payload.', first.id),
        hint = 'Use a key that is different for each event, or insert an event once only.';
  end if;
end
$$;
comment on function postrider_internal.warn_of_other_event(text, text, text, json) is
  'Warns if the first event with an idempotency key is of another type, or its payload means something else, than the one that is left out.';
