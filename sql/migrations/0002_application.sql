-- What applications meet: the trigger that wakes a sleeping daemon, idempotency keys, and publish().
-- locks: postrider.outbox, exclusively and for a moment, to give it its triggers
-- breaking: no
--
-- Waking. While every daemon sleeps, one of them (the sleeper) holds the advisory lock (1886352244, 2) exclusively, for
-- as long as it sleeps. An insert tries the same lock, shared, for its transaction:
--   refused: somebody sleeps, so notify.        granted: a daemon is awake, or none runs; a NOTIFY would help nobody,
--                                               and it costs a database-wide lock at commit.
-- The lock is its own fence: a transaction that went without the NOTIFY keeps its shared lock until it has ended, so a
-- daemon that is granted the exclusive lock knows that nobody of that kind is left, looks once more, and sleeps.
-- The lock is tried, never waited for: an exclusive request that waits would refuse every shared one meanwhile.

create function postrider.is_wake_off() returns boolean
language sql stable
-- What Postgres reads as false. "set local" leaves an empty text behind; null matches nothing, and costs nothing.
return coalesce(nullif(current_setting('postrider.wake', true), '') ~* '^\s*(off?|f|fa|fal|fals|false|no?|0)\s*$', false);
comment on function postrider.is_wake_off() is
  'Whether the setting postrider.wake is off: any of the words that Postgres takes for false, in capitals or not.';

create function postrider.notify_daemons() returns void
language plpgsql volatile
as $$
begin
  if not postrider.is_wake_off()
    -- a full queue makes the transactions that notify fail at their commit; polling finds what there is all the same
    and pg_catalog.pg_notification_queue_usage() < 0.5
  then
    perform pg_catalog.pg_notify('postrider', '');
  end if;
end
$$;
comment on function postrider.notify_daemons() is
  'Notifies the daemons, asleep or not. For what operators do, which is rare: a daemon that is awake but idle, since a writer''s transaction is open, would find it with its next poll only.';

create function postrider.wake_daemons() returns void
language plpgsql volatile
as $$
begin
  -- With the inserter's rights and search_path, so every name is in full; pinning the path would cost each insert 2 us.
  if not postrider.is_wake_off() and not pg_catalog.pg_try_advisory_xact_lock_shared(1886352244, 2) then
    perform postrider.notify_daemons();
  end if;
end
$$;
comment on function postrider.wake_daemons() is
  'Notifies the daemons if they sleep. Does nothing where the setting postrider.wake is off, as two-phase commit needs.';

create function postrider.outbox_wake() returns trigger
language plpgsql volatile
as $$
begin
  perform postrider.wake_daemons();
  return null;
end
$$;
comment on function postrider.outbox_wake() is 'Wakes the daemons after a statement has inserted events.';

create trigger outbox_wake after insert on postrider.outbox
  for each statement execute function postrider.outbox_wake();
comment on trigger outbox_wake on postrider.outbox is 'Wakes the daemons, if they sleep.';

-- Idempotency keys. The row that loses is left out of the insert (INSERT 0 0). A second transaction with the same key
-- waits at the unique index until the first has ended, as it would at any unique key.
create function postrider.outbox_idempotency() returns trigger
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
comment on function postrider.outbox_idempotency() is 'Leaves an event out of the insert if its idempotency key is known already.';

create trigger outbox_idempotency before insert on postrider.outbox
  for each row when (new.idempotency_key is not null)
  execute function postrider.outbox_idempotency();
comment on trigger outbox_idempotency on postrider.outbox is 'Fires only for rows that carry an idempotency key.';

create function postrider.publish(
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
          publish.idempotency_key, publish.attributes)
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
  'Inserts an event into the outbox, in the caller''s transaction, and returns its id; for an idempotency key that is known already, the id of the first event with it.';
