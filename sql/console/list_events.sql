-- Events, the newest first, with what became of them. At most 10,000 events are looked at, so that a rare type costs no more
-- than that. For states, an endpoint or attempts, the deliveries lead to the events (walk_deliveries).
-- $1 since, $2 until, $3 type or a prefix such as order.*, $4 tenant, $5 ordering or idempotency key, $6 states, $7 name or id of an
-- endpoint, $8 attempts at least, $9 limit, $10 older than this one
with listed as materialized (
  select o.id, o.event_type, o.tenant, o.ordering_key, o.idempotency_key, o.created_at, o.deliver_at, o.erased_at,
         o.test_endpoint_id is not null as is_test, d.deliveries, d.attempts, d.next_attempt_at,
         d.last_endpoint_id,
         case when a.attempt_number is null then d.first_http_status else a.http_status end as last_http_status, a.failure_kind as last_failure_kind
  from (
    select o.id, o.event_type, o.tenant, o.ordering_key, o.idempotency_key, o.created_at, o.deliver_at, o.erased_at, o.test_endpoint_id
    from (
      (select o.id, o.event_type, o.tenant, o.ordering_key, o.idempotency_key, o.created_at, o.deliver_at, o.erased_at, o.test_endpoint_id
       from postrider.outbox o
       where $6::text[] is null and $7::text is null and $8::integer is null
         and o.id >= postrider.uuid_v7_floor(coalesce($1::timestamptz, now() - interval '24 hours'))
         and ($2::timestamptz is null or o.id < postrider.uuid_v7_floor($2))
         and ($10::uuid is null or o.id < $10)
       order by o.id desc
       limit 10000)
      union all
      (select w.event_id, o.event_type, o.tenant, o.ordering_key, o.idempotency_key, o.created_at, o.deliver_at, o.erased_at, o.test_endpoint_id
       from (
         select w.event_id
         from postrider_internal.walk_deliveries($6, $7, $8, $3, $4, $5, $1, $2, $10, 2500) w
         where not ($6::text[] is null and $7::text is null and $8::integer is null) and not w.is_end
         order by w.event_id desc) w
       cross join lateral (select o.id, o.event_type, o.tenant, o.ordering_key, o.idempotency_key, o.created_at, o.deliver_at, o.erased_at, o.test_endpoint_id from postrider.outbox o where o.id = w.event_id limit 1) o
       order by w.event_id desc)) o
    where ($3::text is null or case when $3 like '%.*' then starts_with(o.event_type, left($3, -1)) else o.event_type = $3 or $3 = '*' end)
      and ($4::text is null or o.tenant = $4)
      and ($5::text is null or o.ordering_key = $5 or o.idempotency_key = $5)
    order by o.id desc
    limit $9::integer) o
  cross join lateral (
    select jsonb_strip_nulls(jsonb_build_object(
             'succeeded', nullif(count(*) filter (where d.state = 'succeeded'), 0), 'pending', nullif(count(*) filter (where d.state = 'pending'), 0),
             'exhausted', nullif(count(*) filter (where d.state = 'exhausted'), 0), 'discarded', nullif(count(*) filter (where d.state = 'discarded'), 0))) as deliveries,
           coalesce(sum(d.attempts), 0) as attempts,
           min(d.next_attempt_at) filter (where d.leased_by is null) as next_attempt_at,
           -- The one that most needs a look.
           (array_agg(d.endpoint_id order by d.state = 'exhausted' desc, d.state = 'pending' desc, d.finished_at desc, d.endpoint_id) filter (where d.attempts > 0))[1] as last_endpoint_id,
           (array_agg(d.first_http_status order by d.state = 'exhausted' desc, d.state = 'pending' desc, d.finished_at desc, d.endpoint_id) filter (where d.attempts > 0))[1] as first_http_status
    from (
      select d.endpoint_id, d.state, d.attempts, d.next_attempt_at, d.leased_by, d.finished_at, d.first_http_status
      from postrider.delivery d
      where d.event_id = o.id
      limit 1000) d) d
  left join lateral (
    select a.attempt_number, a.http_status, a.failure_kind
    from postrider.other_attempt a
    where a.event_id = o.id and a.endpoint_id = d.last_endpoint_id
    order by a.attempt_number desc, a.started_at desc
    limit 1) a on true
), named as materialized (
  -- Once, and not for each row.
  select e.id, e.name
  from postrider.endpoint e
  where e.id = any (array(select l.last_endpoint_id from listed l))
)
select l.id, l.event_type, l.tenant, l.ordering_key, l.idempotency_key, l.created_at, l.deliver_at, l.erased_at, l.is_test,
       l.deliveries, l.attempts, l.next_attempt_at, l.last_endpoint_id,
       (select n.name from named n where n.id = l.last_endpoint_id) as last_endpoint_name, l.last_http_status, l.last_failure_kind
from listed l
order by l.id desc;
