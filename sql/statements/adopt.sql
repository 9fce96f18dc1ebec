-- Lets daemons work in a database that was restored or copied from another one, and returns what it did or would do.
-- $1 whether it is a dry run
-- Locks: the claim lock; the rows of the outbox that it rewrites, as nothing else does. Reads the whole outbox.
select a.outcome, a.problem, a.events, a.unclaimed, a.moved, a.in_hand, a.pending
from postrider.adopt($1::boolean) a;
