-- grant: execute to publisher
--
-- While every daemon sleeps, one of them (the sleeper) holds the advisory lock (1886352244, 2) exclusively. An insert
-- tries the same lock, shared, for its transaction:
--   refused: the daemons sleep, so notify.      granted: a daemon is awake, or none runs; a NOTIFY would be useless,
--                                               and it costs a database-wide lock at commit.
-- The lock is its own fence. A transaction that did not notify keeps its shared lock until it has ended, so a daemon
-- that is granted the exclusive lock knows that no such transaction is left, looks once more, and sleeps. The lock is
-- tried and never waited for, because a waiting exclusive request would refuse every shared one meanwhile.
--
-- The trigger of the outbox tries the lock first by itself, before each row is inserted, and calls this if it is refused or
-- the event needs other work. Trying again is harmless: what counts is that a transaction holds the lock or has notified.

create or replace function postrider_internal.wake_daemons() returns void
language plpgsql volatile
as $$
begin
  -- Runs with the inserter's rights and search_path, so every name is in full. Pinning the path would cost each insert
  -- 2 us.
  if not postrider_internal.is_wake_off() and not pg_catalog.pg_try_advisory_xact_lock_shared(1886352244, 2) then
    perform postrider_internal.notify_daemons();
    -- For the rows that follow: once is enough for a transaction. A savepoint that is rolled back takes both back.
    perform pg_catalog.set_config('postrider.has_notified', 'on', true);
  end if;
end
$$;
comment on function postrider_internal.wake_daemons() is
  'Notifies the daemons if they sleep. Does nothing if the setting postrider.wake is off, as two-phase commit needs.';
