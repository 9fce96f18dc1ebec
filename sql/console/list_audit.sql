-- What operators did, the newest first.
-- $1 endpoint, $2 event, $3 action, $4 who or for whom, $5 since, $6 limit, $7 older than this one
select a.id, a.at, a.actor, a.acting_as, a.on_behalf_of, a.action, a.endpoint_id,
       (select e.name from postrider.endpoint e where e.id = a.endpoint_id) as endpoint_name,
       a.event_id, a.detail, a.before, a.after
from postrider.audit a
where ($1::uuid is null or a.endpoint_id = $1)
  and ($2::uuid is null or a.event_id = $2)
  and ($3::text is null or a.action = $3)
  and ($4::text is null or a.actor = $4 or a.on_behalf_of = $4)
  and a.id >= postrider.uuid_v7_floor(coalesce($5::timestamptz, now() - interval '30 days'))
  and ($7::uuid is null or a.id < $7)
order by a.id desc
limit $6::integer;
