-- grant: execute to reader, operator

create or replace function postrider.chart(
  since timestamptz default null, step interval default null, endpoint_id uuid default null, tenant text default null
) returns table (
  at timestamptz, length interval, claimed bigint, succeeded_first bigint, succeeded_later bigint, failed bigint, exhausted bigint,
  discarded bigint, sent_again bigint, failures jsonb, request_ms bigint[], delay_ms bigint[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Minutes for up to a day, hours for more: a month of minutes is a hundred times as many rows. Of endpoints five minutes for
-- more than two hours, because their minutes lie among those of others. Of the hours that are not made yet there are only the
-- minutes.
declare
  bars_max constant integer := 298; -- those at both ends are parts
  began constant timestamptz := greatest(coalesce(chart.since, now() - interval '1 hour'), now() - interval '100 years');
  range constant interval := now() - began;
  by_hour constant boolean := range > interval '25 hours';
  wanted constant interval := greatest(range / bars_max, coalesce(chart.step,
    case when range <= interval '2 hours' then interval '1 minute'
         when not by_hour then interval '5 minutes'
         when range <= interval '8 days' then interval '1 hour'
         else interval '6 hours' end));
  by_five constant boolean := not by_hour and range > interval '2 hours' and wanted > interval '1 minute';
  unit constant interval := case when by_hour then interval '1 hour' when by_five then interval '5 minutes' else interval '1 minute' end;
  bar_length constant interval := unit * ceil(extract(epoch from wanted) / extract(epoch from unit))::float8;
  first constant timestamptz := date_bin(bar_length, began, 'epoch');
  unmade_from constant timestamptz := greatest(first, (select c.made_until from postrider.hour_cursor c));
  minutes_from constant timestamptz := case when by_hour then unmade_from else first end;
  endpoint_minutes_from constant timestamptz := case when by_hour or by_five then unmade_from else first end;
  is_all constant boolean := chart.endpoint_id is null and chart.tenant is null;
  endpoint_ids uuid[];
begin
  if chart.step <= interval '0' then
    raise exception 'the step is %', chart.step
      using errcode = 'invalid_parameter_value', hint = 'Say how long a bar is, such as 5 minutes; leave it out for a step that suits the range.';
  elsif chart.endpoint_id is not null then
    -- One that was deleted has a past as well.
    endpoint_ids := array[chart.endpoint_id];
  elsif chart.tenant is not null then
    endpoint_ids := array(select e.id from postrider.endpoint e where e.tenant = chart.tenant);
  end if;
  return query
    with lived as (
      select distinct date_bin(bar_length, d.at, 'epoch') as at
      from (
        select m.minute as at from postrider.daemon_minute m where m.minute >= minutes_from and m.daemon_id is not null
        union all
        select h.hour from postrider.daemon_hour_part h where by_hour and h.hour >= first and h.daemons > 0) d
    ), part as (
      select m.minute as at, m.claimed::bigint as claimed, m.succeeded_first, m.succeeded_later, m.failed, m.exhausted, m.discarded,
             m.sent_again, m.failures, m.request_ms::bigint[], m.delay_ms::bigint[]
      from postrider.daemon_minute m
      where is_all and m.minute >= minutes_from
      union all
      select h.hour, h.claimed, h.succeeded_first, h.succeeded_later, h.failed, h.exhausted, h.discarded,
             h.sent_again, h.failures, h.request_ms, h.delay_ms
      from postrider.daemon_hour_part h
      where is_all and by_hour and h.hour >= first
      union all
      select m.minute, null, m.succeeded_first, m.succeeded_later, m.failed, m.exhausted, m.discarded,
             m.sent_again, m.failures, m.request_ms::bigint[], m.delay_ms::bigint[]
      from postrider.endpoint_minute_part m
      where m.endpoint_id = any (endpoint_ids) and m.minute >= endpoint_minutes_from
      union all
      select f.began_at, null, f.succeeded_first, f.succeeded_later, f.failed, f.exhausted, f.discarded,
             f.sent_again, f.failures, f.request_ms::bigint[], f.delay_ms::bigint[]
      from postrider.endpoint_five_minutes_part f
      where f.endpoint_id = any (endpoint_ids) and by_five and f.began_at >= first
      union all
      select h.hour, null, h.succeeded_first, h.succeeded_later, h.failed, h.exhausted, h.discarded,
             h.sent_again, h.failures, h.request_ms::bigint[], h.delay_ms::bigint[]
      from postrider.endpoint_hour_part h
      where h.endpoint_id = any (endpoint_ids) and by_hour and h.hour >= first
    ), bar as (
      -- Place by place, because unnesting makes a row of each count. Behind the end of all lists a sum is null.
      select date_bin(bar_length, m.at, 'epoch') as at, sum(m.claimed)::bigint as claimed,
             sum(m.succeeded_first)::bigint as succeeded_first, sum(m.succeeded_later)::bigint as succeeded_later,
             sum(m.failed)::bigint as failed, sum(m.exhausted)::bigint as exhausted, sum(m.discarded)::bigint as discarded,
             sum(m.sent_again)::bigint as sent_again, array_agg(m.failures) filter (where m.failures is not null) as failures,
             array_remove(array[
               sum(m.request_ms[1]), sum(m.request_ms[2]), sum(m.request_ms[3]), sum(m.request_ms[4]), sum(m.request_ms[5]), sum(m.request_ms[6]),
               sum(m.request_ms[7]), sum(m.request_ms[8]), sum(m.request_ms[9]), sum(m.request_ms[10]), sum(m.request_ms[11]), sum(m.request_ms[12]),
               sum(m.request_ms[13]), sum(m.request_ms[14]), sum(m.request_ms[15]), sum(m.request_ms[16]), sum(m.request_ms[17])]::bigint[], null) as request_ms,
             array_remove(array[
               sum(m.delay_ms[1]), sum(m.delay_ms[2]), sum(m.delay_ms[3]), sum(m.delay_ms[4]), sum(m.delay_ms[5]), sum(m.delay_ms[6]),
               sum(m.delay_ms[7]), sum(m.delay_ms[8]), sum(m.delay_ms[9]), sum(m.delay_ms[10]), sum(m.delay_ms[11]), sum(m.delay_ms[12]),
               sum(m.delay_ms[13]), sum(m.delay_ms[14]), sum(m.delay_ms[15]), sum(m.delay_ms[16])]::bigint[], null) as delay_ms
      from part m
      group by 1
    )
    select s.at, bar_length,
           case when is_all and b.at is not null then coalesce(b.claimed, 0) when is_all and l.at is not null then 0 end,
           coalesce(b.succeeded_first, nothing), coalesce(b.succeeded_later, nothing), coalesce(b.failed, nothing),
           coalesce(b.exhausted, nothing), coalesce(b.discarded, nothing), coalesce(b.sent_again, nothing),
           (select jsonb_object_agg(f.cause, f.attempts)
            from (select k.key as cause, sum(k.value::bigint) as attempts
                  from unnest(b.failures) p (counts) cross join lateral jsonb_each_text(p.counts) k
                  group by k.key) f),
           coalesce(b.request_ms, case when l.at is not null then '{}'::bigint[] end),
           coalesce(b.delay_ms, case when l.at is not null then '{}'::bigint[] end)
    from generate_series(first, now(), bar_length) s (at)
    left join lived l on l.at = s.at
    left join bar b on b.at = s.at
    cross join lateral (select case when l.at is not null then 0::bigint end as nothing) n
    order by s.at;
end
$$;
comment on function postrider.chart(timestamptz, interval, uuid, text) is
  'What became of deliveries since a time, in at most 300 bars: over all endpoints, of one, or of those of a tenant. Use it for charts: select at, failed from postrider.chart(now() - interval ''1 day''). A bar is a minute, five minutes, an hour or six hours long, as the range is up to two hours, a day, a week or longer, unless step says otherwise; of a range of more than two hours it is one minute or whole five minutes, of more than a day whole hours. In a bar in which no daemon lived everything is null, and 0 is nothing that happened. claimed is null unless it is over all endpoints. Daemons append to it once a minute, so the present minute is missing.';
