-- grant: execute to daemon

create or replace function postrider_internal.measure_endpoints(endpoint_ids uuid[], counted_max integer)
returns table (id uuid, tenant text, name text, is_open boolean, pending integer, oldest_seconds double precision)
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
begin
  return query
    select e.id, postrider_internal.readable(e.tenant), postrider_internal.readable(e.name), e.circuit_opened_at is not null,
           w.pending::integer,
           extract(epoch from now() - postrider.uuid_v7_time(w.oldest_id::uuid))::double precision
    from unnest(endpoint_ids) wanted (id)
    join postrider.endpoint e on e.id = wanted.id
    cross join lateral (
      select count(*) as pending,
             min(d.event_id::text collate "C") filter (where substring(d.event_id::text from 15 for 1) = '7') as oldest_id
      from (
        select p.event_id
        from postrider.delivery p
        where p.finished_at is null and p.endpoint_id = e.id
        order by p.endpoint_id, p.event_id
        limit counted_max) d) w;
end
$$;
comment on function postrider_internal.measure_endpoints(uuid[], integer) is
  'Of each of these endpoints: its names, whether its circuit is open, how many deliveries wait, counted up to a limit, and the age of their oldest event. For metrics.';
