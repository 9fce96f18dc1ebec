-- Makes event types, endpoints and subscriptions what a file says. The caller rolls back if a row has a problem.
-- $1 the file as JSON, with what the command refused replaced by null
-- Locks: an advisory lock against other files; the row of the catalogue's policy, if the file has event types; the
-- endpoints that the file names. Finds them by the unique index of their names.
select a.place, a.part, a.before::text as before, a.after::text as after, a.note, a.problem, a.advice
from postrider_internal.apply_file($1::jsonb) a;
