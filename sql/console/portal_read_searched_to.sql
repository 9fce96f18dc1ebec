-- How far back a list of events looked, if it found no more.
-- $1 since, $2 until, $3 older than this one
select postrider_internal.portal_searched_to($1::timestamptz, $2::timestamptz, $3::uuid) as searched_to, null::uuid as id;
