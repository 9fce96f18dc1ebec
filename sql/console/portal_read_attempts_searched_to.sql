-- How far back a list of failed attempts looked, if it found no more.
-- $1 since, $2 until, $3 and $4 behind the attempt that started then and has this id
select postrider_internal.portal_attempts_searched_to($1::timestamptz, $2::timestamptz, $3::timestamptz, $4::uuid) as searched_to,
       null::timestamptz as started_at, null::uuid as id;
