-- Says that this session's daemon neither takes what comes nor hears of it.
-- $1 whether it held the gate, or else was awake
-- Locks: gives up an advisory one.
select case when $1::boolean then pg_advisory_unlock(1886352244, 2) else pg_advisory_unlock_shared(1886352244, 4) end as given_up;
