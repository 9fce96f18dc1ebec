-- Lets daemons work in a database that was restored or copied from another one; says what it does, or would do.
-- $1 only look
-- Locks: the claim lock; rows of the outbox that it writes, which nobody else does. Reads the whole outbox.
select a.outcome, a.problem, a.events, a.unclaimed, a.moved, a.in_hand, a.pending
from postrider.adopt($1::boolean) a;
