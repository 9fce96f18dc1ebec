-- grant: execute to reader, operator

create or replace function postrider_internal.recent_durations(attempts_max integer) returns jsonb
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
-- The newest of each table by its key, so this costs the same however many there are.
declare
  since constant uuid := postrider.uuid_v7_floor(now() - interval '1 hour');
begin
  return (
    select jsonb_object_agg(e.endpoint_id, e.percentiles)
    from (
      select a.endpoint_id, percentile_disc(array[0.5, 0.95]) within group (order by a.duration_ms) as percentiles
      from (
        (select d.endpoint_id, d.first_duration_ms as duration_ms
         from (
           select n.endpoint_id, n.first_duration_ms from postrider.delivery n
           where n.event_id >= since
           order by n.event_id desc
           limit attempts_max) d
         where d.first_duration_ms is not null)
        union all
        (select o.endpoint_id, o.duration_ms
         from postrider.other_attempt o
         where o.event_id >= since
         order by o.event_id desc
         limit attempts_max)) a
      group by a.endpoint_id) e);
end
$$;
comment on function postrider_internal.recent_durations(integer) is
  'For each endpoint, how long half of its attempts took at most, and 95 of 100, in milliseconds: the newest attempts of the last hour''s events, up to a limit.';
