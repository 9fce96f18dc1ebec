-- Makes event types, endpoints and subscriptions what a file says. The caller rolls back if a row has a problem.
-- $1 the file as JSON, with what the command refused replaced by null
-- Locks: an advisory lock against other files; the row of the catalogue's policy, if the file has event types; the
-- endpoints that the file names. Finds them by the unique index of their names.
select a.place, a.part, postrider_internal.readable(a.before::text) as before, postrider_internal.readable(a.after::text) as after,
       postrider_internal.readable(a.note) as note, postrider_internal.readable(a.problem) as problem, postrider_internal.readable(a.advice) as advice
from postrider_internal.apply_file($1::jsonb) a;
