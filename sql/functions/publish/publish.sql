-- grant: execute to publisher

create or replace function postrider.publish(
  event_type text,
  payload json,
  tenant text default '',
  ordering_key text default null,
  deliver_at timestamptz default null,
  idempotency_key text default null,
  attributes jsonb default null
) returns uuid
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  event_id uuid;
begin
  insert into postrider.outbox (event_type, payload, tenant, ordering_key, deliver_at, idempotency_key, attributes)
  values (publish.event_type, publish.payload, coalesce(publish.tenant, ''), publish.ordering_key, publish.deliver_at,
          publish.idempotency_key,
          case
            -- A second name in the attributes replaces it.
            when current_setting('postrider.traceparent', true) <> ''
            then jsonb_build_object('traceparent', current_setting('postrider.traceparent', true)) || coalesce(publish.attributes, '{}')
            else publish.attributes
          end)
  returning id into event_id;
  if event_id is null then
    select k.event_id into event_id
    from postrider.idempotency_key k
    where k.tenant = coalesce(publish.tenant, '') and k.idempotency_key = publish.idempotency_key;
  end if;
  return event_id;
end
$$;
comment on function postrider.publish(text, json, text, text, timestamptz, text, jsonb) is
  'Inserts an event into the outbox and returns its id. Use it instead of an insert if you need the id, or if the event has an idempotency key: for a key that is known already it returns the id of the first event with it. Call it in the transaction that makes the change. The setting postrider.traceparent, if there is one, becomes that attribute, unless the attributes have it.';
