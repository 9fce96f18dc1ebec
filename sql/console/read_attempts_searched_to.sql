-- How far back a list of failed attempts looked, if it found no more, and the attempt at which it ended, if there may be more
-- behind it.
-- $1 since, $2 until, $3 and $4 behind the attempt that started then and has this id, $5 attempts that were looked at
select coalesce(l.started_at, $1::timestamptz, now() - interval '24 hours') as searched_to, l.started_at, l.id
from (values (1)) one
left join (
  select a.started_at, a.id
  from postrider.other_attempt a
  where a.started_at >= coalesce($1, now() - interval '24 hours') and a.started_at < coalesce($2::timestamptz, now())
    and ($4::uuid is null or (a.started_at, a.id) < ($3::timestamptz, $4))
  order by a.started_at desc, a.id desc
  offset $5::integer - 1
  limit 1) l on true;
