create or replace function postrider_internal.begin_claim() returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  -- Under repeatable read a claim would see the outbox as it was before the claim that it continues.
  if current_setting('transaction_isolation') <> 'read committed' then
    raise exception 'cannot claim events: the transaction is %', current_setting('transaction_isolation')
      using errcode = 'invalid_transaction_state', hint = 'Claim under read committed.';
  end if;
  -- A claim that finds nothing writes nothing. So a primary that was made read-only would answer forever, while the
  -- events arrive elsewhere.
  if current_setting('transaction_read_only')::boolean then
    raise exception 'cannot claim events: the server takes no writes'
      using errcode = 'read_only_sql_transaction', hint = 'Point DATABASE_URL at the primary.';
  end if;
  -- The claim lock is a lock of an empty table, because that takes a grant: any role that may connect can hold an
  -- advisory lock. This mode conflicts with itself and, unlike a row lock or the stronger modes, gives the transaction no
  -- id before the snapshot is taken. A snapshot leaves its own transaction out, so an event that the claiming transaction
  -- wrote would be lost. An advisory lock would take 0.7 us less where it is free, and 3 us less where it is not.
  begin
    lock table only postrider.claim_lock in share update exclusive mode nowait;
  exception
    when lock_not_available then
      return false;
  end;
  if pg_current_xact_id_if_assigned() is not null then
    raise exception 'cannot claim events: the transaction has written already'
      using errcode = 'invalid_transaction_state', hint = 'Claim in a separate transaction.';
  end if;
  -- The flush of this commit carries the commits of the events with it. Otherwise a crash of Postgres could undo an
  -- event of an application that commits asynchronously after it has been sent. store_claim spares it where it can.
  if current_setting('synchronous_commit') in ('off', 'local') then
    perform set_config('synchronous_commit', 'on', true);
  end if;
  return true;
end
$$;
comment on function postrider_internal.begin_claim() is
  'Takes the claim lock, and says whether it was free. Refuses a transaction in which a claim would not be exact.';
