-- How far back a list of events looked, if it found no more, and the event at which it ended, if there may be more behind it.
-- $1 since, $2 until, $3 states, $4 name or id of an endpoint, $5 attempts at least, $6 older than this one, $7 events that were looked at
select coalesce(postrider.uuid_v7_time(l.id), $1::timestamptz, now() - interval '24 hours') as searched_to, l.id
from (values (1)) one
left join (
  (select o.id
   from postrider.outbox o
   where $3::text[] is null and $4::text is null and $5::integer is null
     and o.id >= postrider.uuid_v7_floor(coalesce($1::timestamptz, now() - interval '24 hours'))
     and ($2::timestamptz is null or o.id < postrider.uuid_v7_floor($2))
     and ($6::uuid is null or o.id < $6)
   order by o.id desc
   offset $7 - 1
   limit 1)
  union all
  select w.event_id
  from postrider_internal.walk_deliveries($3, $4, $5, null, null, null, $1, $2, $6, $7::integer / 4) w
  where not ($3 is null and $4 is null and $5 is null) and w.is_end) l on true;
