-- Marks this session's daemon as awake, returns the session's server process, and opens the gate if the session held it,
-- so that inserts stop notifying.
-- $1 whether it held the gate
-- Locks: an advisory one, shared, which no session takes exclusively.
select case when $1::boolean then pg_advisory_unlock(1886352244, 2) end as gate_opened,
       pg_try_advisory_lock_shared(1886352244, 4) as awake,
       pg_backend_pid() as pid;
