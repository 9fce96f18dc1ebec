-- The one trigger of inserts. It judges an event, leaves it out if its idempotency key is known, and wakes the daemons.
--
-- An insert of one row pays for each part of this, so the ordinary event passes by one expression. Measured, in us of the
-- backend for a transaction of one insert beside other work: this function 15 to 20, of which 10 are the call of any
-- PL/pgSQL trigger, 2.5 the pattern of the type, 2 the lock, and 0.5 to 1 each other part. Fewer function calls in it, or a
-- function that is stable and takes no snapshot, made no difference that could be measured. Postgres reads the stored text
-- of a check constraint and of a trigger's condition anew for each statement, literals byte by byte: five checks took 25,
-- and a condition that asks for xid and type 20, more than a call of the function it spares. Domains are cached (5 to 9),
-- but a driver that asks the server for the types of parameters is told the domain, and some refuse a text for it
-- (rust-postgres). A separate statement trigger for the wake-up took 6 to 13. In statements of many rows this costs 2.2 a
-- row.
--
-- It runs with the inserter's rights and search_path, so every name and operator is in full. Pinning the path or taking
-- the owner's rights would cost 4 to 8. What needs the owner's rights is in judge_event and note_idempotency_key.
create or replace function postrider_internal.outbox_inserting() returns trigger
language plpgsql volatile
as $$
begin
  -- Each condition may fail for events that are in order, too: the steps below decide.
  if new.xid operator(pg_catalog.=) pg_catalog.pg_current_xact_id()
    and new.event_type operator(pg_catalog.~) '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*$'
    and pg_catalog.length(new.event_type) operator(pg_catalog.+) pg_catalog.length(new.tenant) operator(pg_catalog.<=) 255
    and new.idempotency_key is null and new.ordering_key is null and new.attributes is null
    and new.payload is not null and new.deliver_at is null and new.id is not null and new.seq is not null and new.created_at is not null
    and (new.event_type operator(pg_catalog.=) any (postrider_internal.judged_event_types())) is false
    and not pg_catalog.starts_with(new.event_type, 'postrider.')
    and coalesce(pg_catalog.current_setting('postrider.wake', true), '') operator(pg_catalog.=) ''
    and (pg_catalog.pg_try_advisory_xact_lock_shared(1886352244, 2)
      or coalesce(pg_catalog.current_setting('postrider.has_notified', true), '') operator(pg_catalog.=) 'on')
  then
    return new;
  end if;

  if new.tenant is null then
    new.tenant := '';
  end if;
  if new.id is null or new.xid is null or new.seq is null or new.created_at is null then
    perform postrider_internal.refuse_null_in_event(
      case when new.id is null then 'id' when new.xid is null then 'xid' when new.seq is null then 'seq' else 'created_at' end);
  end if;
  if (new.xid operator(pg_catalog.=) pg_catalog.pg_current_xact_id()
    and new.event_type operator(pg_catalog.~) '^[A-Za-z0-9_/:-]+([.][A-Za-z0-9_/:-]+)*$'
    and pg_catalog.length(new.event_type) operator(pg_catalog.<=) 255
    and pg_catalog.length(new.tenant) operator(pg_catalog.<=) 255
    and coalesce(pg_catalog.length(new.ordering_key), 1) operator(pg_catalog.>) 0 and coalesce(pg_catalog.length(new.ordering_key), 1) operator(pg_catalog.<=) 255
    and coalesce(pg_catalog.length(new.idempotency_key), 1) operator(pg_catalog.>) 0 and coalesce(pg_catalog.length(new.idempotency_key), 1) operator(pg_catalog.<=) 255
    and coalesce(pg_catalog.jsonb_typeof(new.attributes), 'object') operator(pg_catalog.=) 'object'
    and new.payload is not null) is not true
  then
    perform postrider_internal.refuse_event(new.xid, new.event_type, new.payload is null, new.tenant, new.ordering_key,
      new.idempotency_key, new.attributes);
  end if;
  if pg_catalog.starts_with(new.event_type, 'postrider.') then
    if new.test_endpoint_id is null then
      perform postrider_internal.refuse_own_type(new.event_type);
    elsif new.test_endpoint_id operator(pg_catalog.=) '00000000-0000-0000-0000-000000000000' then
      -- From insert_own_event.
      new.test_endpoint_id := null;
    end if;
  end if;
  if new.deliver_at is not null then
    perform postrider_internal.refuse_late(new.deliver_at);
  end if;
  if new.idempotency_key is not null
    and not postrider_internal.note_idempotency_key(new.tenant, new.idempotency_key, new.id)
  then
    perform postrider_internal.warn_of_other_event(new.tenant, new.idempotency_key, new.event_type, new.payload);
    return null;
  end if;
  if (new.event_type operator(pg_catalog.=) any (postrider_internal.judged_event_types())) is not false then
    perform postrider_internal.judge_event(new.event_type, new.payload);
  end if;
  perform postrider_internal.wake_daemons();
  return new;
end
$$;
comment on function postrider_internal.outbox_inserting() is
  'Judges each event before it is inserted, leaves it out if its idempotency key is known, and wakes the daemons if they sleep.';

create or replace trigger outbox_inserting before insert on postrider.outbox
  for each row execute function postrider_internal.outbox_inserting();
comment on trigger outbox_inserting on postrider.outbox is
  'Judges each event, leaves it out if its idempotency key is known, and wakes the daemons if they sleep.';
