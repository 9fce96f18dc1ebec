-- Whether this session's daemon may sleep. Run on the connection that holds its locks.
-- If it holds (..., 4), awake, it first releases that lock, so if two daemons fall asleep at once, one of them sees the other gone. Then, in order:
--   napping   another daemon is awake and takes what comes
--   sleeping  it now holds the gate (..., 2), so inserts notify
--   napping   another daemon holds the gate
--   drowsy    an open transaction has inserted without a NOTIFY, or a former session of this daemon holds the gate;
--             it is awake, again or from now on
-- $1 whether it is awake, or else naps
-- $2 the processes of sessions that this daemon has lost: one may outlive the loss by seconds, and takes nothing
-- A CASE evaluates its conditions in order, and each subselect only when it is reached.
-- Locks: advisory ones, tried and not waited for.
with lying_down as materialized (
  select case when $1::boolean then pg_advisory_unlock_shared(1886352244, 4) else false end as was_awake
)
select case
  when (select l.was_awake is null from lying_down l) then null
  when exists (
    select from pg_locks l
    where l.locktype = 'advisory' and l.classid = 1886352244 and l.objid = 4 and l.objsubid = 2 and l.granted
      and l.database = (select d.oid from pg_database d where d.datname = current_database())
      and l.pid <> pg_backend_pid() and l.pid <> all ($2::integer[])) then 'napping'
  when pg_try_advisory_lock(1886352244, 2) then 'sleeping'
  when exists (
    select from pg_locks l
    where l.locktype = 'advisory' and l.classid = 1886352244 and l.objid = 2 and l.objsubid = 2 and l.granted
      and l.mode = 'ExclusiveLock' and l.pid <> all ($2::integer[])
      and l.database = (select d.oid from pg_database d where d.datname = current_database())) then 'napping'
  when pg_try_advisory_lock_shared(1886352244, 4) then 'drowsy'
  else 'drowsy'
end as outcome;
