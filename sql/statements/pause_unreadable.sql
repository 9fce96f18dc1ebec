-- Pauses an endpoint whose secret cannot be read, unless it was changed meanwhile.
-- $1 endpoint, $2 its revision as it was read, $3 why
select postrider_internal.pause_unreadable($1::uuid, $2::bigint, $3::text) as is_paused;
