-- Pauses endpoints whose secrets cannot be read, unless they were changed meanwhile.
-- $1 endpoints, $2 the revision of each as it was read, $3 why
select postrider_internal.pause_unreadable($1::uuid[], $2::bigint[], $3::text[]);
