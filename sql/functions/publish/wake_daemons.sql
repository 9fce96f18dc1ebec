-- grant: execute to publisher
--
-- Waking. While every daemon sleeps, one of them (the sleeper) holds the advisory lock (1886352244, 2) exclusively, for
-- as long as it sleeps. An insert tries the same lock, shared, for its transaction:
--   refused: somebody sleeps, so notify.        granted: a daemon is awake, or none runs; a NOTIFY would help nobody,
--                                               and it costs a database-wide lock at commit.
-- The lock is its own fence: a transaction that went without the NOTIFY keeps its shared lock until it has ended, so a
-- daemon that is granted the exclusive lock knows that nobody of that kind is left, looks once more, and sleeps.
-- The lock is tried, never waited for: an exclusive request that waits would refuse every shared one meanwhile.

create or replace function postrider_internal.wake_daemons() returns void
language plpgsql volatile
as $$
begin
  -- With the inserter's rights and search_path, so every name is in full; pinning the path would cost each insert 2 us.
  if not postrider_internal.is_wake_off() and not pg_catalog.pg_try_advisory_xact_lock_shared(1886352244, 2) then
    perform postrider_internal.notify_daemons();
  end if;
end
$$;
comment on function postrider_internal.wake_daemons() is
  'Notifies the daemons if they sleep. Does nothing where the setting postrider.wake is off, as two-phase commit needs.';
