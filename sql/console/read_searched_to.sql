-- How far back a list of events looked, if it found no more: the last of so many events.
-- $1 since, $2 until, $3 older than this one, $4 events that were looked at
select coalesce(
  (select o.created_at from postrider.outbox o
   where o.id >= postrider.uuid_v7_floor(coalesce($1::timestamptz, now() - interval '24 hours'))
     and ($2::timestamptz is null or o.id < postrider.uuid_v7_floor($2))
     and ($3::uuid is null or o.id < $3)
   order by o.id desc
   offset $4::integer - 1 limit 1),
  $1::timestamptz, now() - interval '24 hours') as searched_to;
