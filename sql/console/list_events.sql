-- Events, the newest first, with how many of their deliveries are in each state.
-- At most 10,000 events are looked at, so that a rare type costs no more than that.
-- $1 since, $2 until, $3 type or a prefix such as order.*, $4 tenant, $5 limit, $6 older than this one
select o.id, o.event_type, o.tenant, o.ordering_key, o.idempotency_key, o.created_at, o.deliver_at, o.erased_at,
       o.test_endpoint_id is not null as is_test,
       (select coalesce(jsonb_object_agg(s.state, s.deliveries), '{}')
        from (
          select d.state, count(*) as deliveries
          from (select d.state from postrider.delivery d where d.event_id = o.id limit 1000) d
          group by d.state) s) as deliveries
from (
  select o.id, o.event_type, o.tenant, o.ordering_key, o.idempotency_key, o.created_at, o.deliver_at, o.erased_at, o.test_endpoint_id
  from postrider.outbox o
  where o.id >= postrider.uuid_v7_floor(coalesce($1::timestamptz, now() - interval '24 hours'))
    and ($2::timestamptz is null or o.id < postrider.uuid_v7_floor($2))
    and ($6::uuid is null or o.id < $6)
  order by o.id desc
  limit 10000) o
where ($3::text is null or case when $3 like '%.*' then starts_with(o.event_type, left($3, -1)) else o.event_type = $3 or $3 = '*' end)
  and ($4::text is null or o.tenant = $4)
order by o.id desc
limit $5::integer;
