-- grant: execute to daemon

create or replace function postrider_internal.measure_waiting(after_endpoint uuid, after_event uuid, rows_max integer)
returns table (
  endpoint_id uuid,
  event_id uuid,
  last_rows integer,
  endpoints integer,
  active integer,
  paused integer,
  due integer,
  overdue integer,
  overdue_seconds double precision,
  oldest_seconds double precision
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Reads what waits in the order of delivery_oldest, so many rows at a call. The caller continues where it ended, and skips
-- the rest of an endpoint of which it has counted enough: it asks for what follows the highest uuid.
begin
  return query
    with part as (
      select d.endpoint_id, d.event_id, d.next_attempt_at,
             d.next_attempt_at <= now() as is_due,
             -- Nothing that Postgres knows of keeps daemons from it: no other delivery, no lease, no circuit, no limit.
             e.state = 'active' and e.kind = 'push' and e.circuit_opened_at is null and not e.is_limited and coalesce(e.handshake_state, 'granted') = 'granted'
               and d.ordering_seq is null and coalesce(d.lease_expires_at <= now(), true)
               and d.next_attempt_at + e.batch_delay_ms * interval '1 ms' <= now() as is_overdue,
             e.state
      from (
        select w.endpoint_id, w.event_id, w.next_attempt_at, w.ordering_seq, w.lease_expires_at
        from postrider.delivery w
        where w.finished_at is null and (w.endpoint_id, w.event_id) > (after_endpoint, after_event)
        order by w.endpoint_id, w.event_id
        limit rows_max) d
      left join postrider.endpoint e on e.id = d.endpoint_id
    ), last as (
      select p.endpoint_id, p.event_id from part p order by p.endpoint_id desc, p.event_id desc limit 1
    ), measured as (
      select count(*) as row_count,
             count(*) filter (where p.endpoint_id = l.endpoint_id) as last_rows,
             count(distinct p.endpoint_id) - count(distinct p.endpoint_id) filter (where p.endpoint_id = after_endpoint) as endpoints,
             count(*) filter (where p.state = 'active') as active,
             count(*) filter (where p.state = 'paused') as paused,
             count(*) filter (where p.state = 'active' and p.is_due) as due,
             count(*) filter (where p.is_overdue) as overdue,
             extract(epoch from now() - min(p.next_attempt_at) filter (where p.is_overdue)) as overdue_seconds,
             -- As text, because there is no min(uuid) before PostgreSQL 18.
             min(p.event_id::text collate "C") filter (where p.state = 'active' and substring(p.event_id::text from 15 for 1) = '7') as oldest_id
      from part p
      cross join last l
    )
    select case when m.row_count = rows_max then l.endpoint_id end, case when m.row_count = rows_max then l.event_id end,
           m.last_rows::integer, m.endpoints::integer, m.active::integer, m.paused::integer, m.due::integer, m.overdue::integer,
           m.overdue_seconds::double precision,
           extract(epoch from now() - postrider.uuid_v7_time(m.oldest_id::uuid))::double precision
    from measured m
    left join last l on true;
end
$$;
comment on function postrider_internal.measure_waiting(uuid, uuid, integer) is
  'Counts up to rows_max deliveries that wait or are leased, in the order of endpoint and event, behind the given one, and says where to continue; null if there are no more. last_rows are those of the last endpoint. Overdue is what nothing known holds back. For metrics.';
