-- What the request of a delivery is made of: the endpoint without its secrets, and the event, or those of its batch.
-- Payloads come as long as they take a mebibyte together. What a transformation has yet to make is made as it would be now.
-- $1 event, $2 endpoint, $3 whether the request is to be signed
with member as (
  select $1::uuid as event_id
  union
  select b.event_id
  from postrider.delivery d
  join postrider.endpoint e on e.id = d.endpoint_id and e.batch_size > 1
  join postrider.delivery b on b.batch_id = d.batch_id and b.state = 'pending'
  where d.event_id = $1 and d.endpoint_id = $2::uuid and d.state = 'pending'
)
select o.id as event_id, o.event_type, postrider_internal.event_time(o.created_at)::text as created_at,
       postrider_internal.event_context(o.ordering_key, o.attributes) as context, o.erased_at is not null as is_erased,
       coalesce(d.attempts, 0) as attempts, case when d.state = 'pending' then d.batch_id end as batch_id,
       c.bytes as payload_bytes,
       case when sum(coalesce(c.bytes, 1048577)) over (order by o.id) <= 1048576 then c.payload::text end as payload,
       coalesce(t.payload is not null or x.outcome = 'transformed', false) as is_transformed,
       coalesce(t.headers, x.headers) as content_headers,
       case when x.outcome = 'discarded' then x.problem end as problem,
       coalesce($3::boolean, false) as is_signed,
       e.id as endpoint_id, e.revision, e.kind, e.url, e.format, e.batch_size, e.timeout_ms, e.inline_limit, e.handshake, e.encryption_key,
       e.ordered, e.auth is not null as has_auth, coalesce(lower(e.auth ->> 'name'), 'authorization') as auth_header,
       e.client_certificate is not null as has_client_certificate, postrider_internal.constant_headers(e.headers) as headers,
       (select a.endpoint_revision from postrider.attempt a
        where a.event_id = $1 and a.endpoint_id = $2
        order by a.attempt_number desc, a.started_at desc limit 1) as attempt_revision
from member m
join postrider.endpoint e on e.id = $2
join postrider.outbox o on o.id = m.event_id and o.tenant = e.tenant
left join postrider.delivery d on d.event_id = o.id and d.endpoint_id = e.id
left join postrider.transformation t on t.event_id = o.id and t.endpoint_id = e.id
left join lateral (
  select p.outcome, p.payload, p.headers, p.problem
  from (
    select e.id as endpoint_id, o.id as event_id
    where e.transforms and o.erased_at is null and t.event_id is null and coalesce(d.attempts = d.attempts_before, true)
    offset 0) wanted
  cross join lateral postrider.preview_transformation(wanted.endpoint_id, wanted.event_id) p) x on true
cross join lateral (
  select p.payload, case when pg_column_compression(p.payload) is null then pg_column_size(p.payload)
                         when pg_column_size(p.payload) <= 1048576 then octet_length(p.payload::text) end as bytes
  from (select coalesce(t.payload, x.payload, o.payload) as payload offset 0) p
  offset 0) c
order by o.id
limit 1000;
