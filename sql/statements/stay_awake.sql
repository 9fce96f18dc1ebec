-- Says that this session's daemon is awake, and in which process of the server; and opens the gate if it held it: inserts notify no longer.
-- $1 whether it held the gate
-- Locks: an advisory one, shared; nobody takes it exclusively.
select case when $1::boolean then pg_advisory_unlock(1886352244, 2) end as gate_opened,
       pg_try_advisory_lock_shared(1886352244, 4) as awake,
       pg_backend_pid() as pid;
