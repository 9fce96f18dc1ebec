-- grant: execute to reader, operator

create or replace function postrider.judge_objective(endpoint_id uuid default null, tenant text default null) returns table (
  target numeric, within interval, set_for text, in_time double precision, budget_left double precision, good bigint, bad bigint,
  overdue bigint, is_exact boolean, left_out bigint, burn_5m double precision, burn_30m double precision, burn_1h double precision,
  burn_6h double precision, is_burning boolean
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Reads hours, and minutes for those that are not made yet, which are those of the last hour and some more.
declare
  -- A fiftieth of the budget of a month within an hour, and a twentieth within six.
  fast_burn constant double precision := 14.4;
  slow_burn constant double precision := 6;
  is_all constant boolean := judge_objective.endpoint_id is null and judge_objective.tenant is null;
  present constant timestamptz := date_bin('1 minute', now(), 'epoch');
  from_5m constant timestamptz := present - interval '5 minutes';
  from_30m constant timestamptz := present - interval '30 minutes';
  from_1h constant timestamptz := present - interval '1 hour';
  -- It may begin in an hour of which there is only the sum.
  from_6h constant timestamptz := date_bin('1 hour', present - interval '6 hours', 'epoch');
  month_from constant timestamptz := date_bin('1 hour', now() - interval '30 days', 'epoch');
  minutes_from constant timestamptz := greatest(month_from, (select c.made_until from postrider.hour_cursor c));
  endpoint_ids uuid[];
  in_time_max integer;
begin
  if judge_objective.endpoint_id is not null then
    endpoint_ids := array(select e.id from postrider.endpoint e where e.id = judge_objective.endpoint_id);
    if endpoint_ids = '{}' then
      raise exception 'there is no endpoint %', judge_objective.endpoint_id
        using errcode = 'no_data_found', hint = 'select id, url from postrider.endpoint lists them.';
    end if;
  elsif judge_objective.tenant is not null then
    endpoint_ids := array(select e.id from postrider.endpoint e where e.tenant = judge_objective.tenant);
  end if;
  select o.target, o.within, case when o.endpoint_id is not null then 'endpoint' when o.tenant is not null then 'tenant' else 'all' end
  into target, within, set_for
  from postrider.objective o
  where o.endpoint_id = judge_objective.endpoint_id
    or o.tenant = coalesce(judge_objective.tenant, (select e.tenant from postrider.endpoint e where e.id = judge_objective.endpoint_id))
    or num_nonnulls(o.endpoint_id, o.tenant) = 0
  order by o.endpoint_id nulls last, o.tenant nulls last
  limit 1;
  if not found then
    target := 0.999;
    within := interval '1 minute';
    set_for := 'default';
  end if;
  in_time_max := array_position(postrider.delay_ms_bounds(), (extract(epoch from within) * 1000)::integer);

  select c.overdue, c.is_exact into overdue, is_exact
  from postrider_internal.count_overdue(endpoint_ids, now() - within) c;
  left_out := (
    select count(*) from postrider.endpoint e where e.state <> 'active' and (is_all or e.id = any (endpoint_ids)));

  select sum(j.good), sum(j.bad),
         postrider_internal.burn_rate(sum(j.good) filter (where j.at >= from_5m), sum(j.bad) filter (where j.at >= from_5m), overdue, target),
         postrider_internal.burn_rate(sum(j.good) filter (where j.at >= from_30m), sum(j.bad) filter (where j.at >= from_30m), overdue, target),
         postrider_internal.burn_rate(sum(j.good) filter (where j.at >= from_1h), sum(j.bad) filter (where j.at >= from_1h), overdue, target),
         postrider_internal.burn_rate(sum(j.good) filter (where j.at >= from_6h), sum(j.bad) filter (where j.at >= from_6h), overdue, target)
  into good, bad, burn_5m, burn_30m, burn_1h, burn_6h
  from (
    select p.at,
           postrider_internal.sum_places(p.delay_ms, in_time_max) as good,
           postrider_internal.sum_places(p.delay_ms, 16) - postrider_internal.sum_places(p.delay_ms, in_time_max) + p.ended as bad
    from (
      -- By the shortest of these times that it lies in, so that places are added for a few rows alone.
      select case when t.at >= from_5m then from_5m when t.at >= from_30m then from_30m when t.at >= from_1h then from_1h
                  when t.at >= from_6h then from_6h else '-infinity' end as at, sum(t.ended) as ended,
             array[sum(t.delay_ms[1]), sum(t.delay_ms[2]), sum(t.delay_ms[3]), sum(t.delay_ms[4]), sum(t.delay_ms[5]), sum(t.delay_ms[6]),
               sum(t.delay_ms[7]), sum(t.delay_ms[8]), sum(t.delay_ms[9]), sum(t.delay_ms[10]), sum(t.delay_ms[11]), sum(t.delay_ms[12]),
               sum(t.delay_ms[13]), sum(t.delay_ms[14]), sum(t.delay_ms[15]), sum(t.delay_ms[16])]::bigint[] as delay_ms
      from (
        select m.minute as at, m.exhausted + m.discarded - m.excused as ended, m.delay_ms::bigint[] as delay_ms
        from postrider.daemon_minute m
        where is_all and m.minute >= minutes_from
        union all
        select m.minute, m.exhausted + m.discarded - m.excused, m.delay_ms::bigint[]
        from postrider.endpoint_minute_part m
        where m.endpoint_id = any (endpoint_ids) and m.minute >= minutes_from
        union all
        select h.hour, h.exhausted + h.discarded - h.excused, h.delay_ms
        from postrider.daemon_hour_part h
        where is_all and h.hour >= month_from
        union all
        select h.hour, h.exhausted + h.discarded - h.excused, h.delay_ms::bigint[]
        from postrider.endpoint_hour_part h
        where h.endpoint_id = any (endpoint_ids) and h.hour >= month_from) t
      group by 1) p
    -- Otherwise each sum would have the places, and planning would take longer than all else.
    offset 0) j;
  good := coalesce(good, 0);
  bad := coalesce(bad, 0);
  in_time := good::float8 / nullif(good + bad + overdue, 0);
  budget_left := 1 - postrider_internal.burn_rate(good, bad, overdue, target);
  is_burning := coalesce(least(burn_5m, burn_1h) >= fast_burn or least(burn_30m, burn_6h) >= slow_burn, false);
  return next;
end
$$;
comment on function postrider.judge_objective(uuid, text) is
  'How deliveries of the last 30 days stand to the objective of an endpoint, of a tenant, or of all: see postrider.set_objective(). Use it for alerts and reports: select in_time, budget_left from postrider.judge_objective(tenant => ''acme''). good arrived within the time; bad came later, were exhausted, or were discarded by other than a person; overdue wait for longer than that now. in_time is the share of good among these, budget_left the share of the failures that the target allows which is left: negative if there were more. burn_5m and so on say how many times too fast the budget was used in that time, of six hours from a whole hour on; is_burning: fast in both 5 minutes and an hour (14.4 times), or in both 30 minutes and 6 hours (6 times). What was sent again by hand or by a replay does not count, nor what waits at endpoints that are paused or disabled, of which left_out says how many there are. is_exact is false if more may be overdue than was counted. Events that no daemon has claimed count for all alone. set_for says whose objective it is: endpoint, tenant, all, or default.';
