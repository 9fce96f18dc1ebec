-- Marks this session's daemon as one that neither claims new events nor is notified of them.
-- $1 whether it held the gate, or else was awake
-- Locks: releases an advisory one.
select case when $1::boolean then pg_advisory_unlock(1886352244, 2) else pg_advisory_unlock_shared(1886352244, 4) end as given_up;
