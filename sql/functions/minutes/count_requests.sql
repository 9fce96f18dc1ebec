-- grant: execute to reader, operator

create or replace function postrider_internal.count_requests(since timestamptz) returns table (
  endpoint_id uuid, at timestamptz, minutes integer, succeeded bigint, failed bigint, exhausted bigint, discarded bigint
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set jit = off
-- By the index of the times: what is of all endpoints lies together.
set enable_seqscan = off
set enable_indexscan = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Minutes for up to two hours, hours for more. Of the hours that are not made yet there are only the minutes.
declare
  present constant timestamptz := date_bin('1 minute', now(), 'epoch');
  by_hour constant boolean := count_requests.since < now() - interval '2 hours';
  unit constant interval := case when by_hour then interval '1 hour' else interval '1 minute' end;
  first constant timestamptz := date_bin(unit, greatest(count_requests.since, now() - interval '7 days'), 'epoch');
  minutes_from constant timestamptz := case when by_hour
    then greatest(first, (select c.made_until from postrider.hour_cursor c)) else first end;
begin
  return query
    select p.endpoint_id, p.at,
           -- Those of the present hour that are over.
           case when by_hour then least(60, greatest(1, extract(epoch from present - p.at) / 60))::integer else 1 end,
           sum(p.succeeded)::bigint, sum(p.failed)::bigint, sum(p.exhausted)::bigint, sum(p.discarded)::bigint
    from (
      select m.endpoint_id, date_bin(unit, m.minute, 'epoch') as at, m.succeeded_first + m.succeeded_later as succeeded, m.failed,
             m.exhausted, m.discarded
      from postrider.endpoint_minute_part m
      where m.minute >= minutes_from
      union all
      select h.endpoint_id, h.hour, h.succeeded_first + h.succeeded_later, h.failed, h.exhausted, h.discarded
      from postrider.endpoint_hour_part h
      where by_hour and h.hour >= first) p
    group by p.endpoint_id, p.at;
end
$$;
comment on function postrider_internal.count_requests(timestamptz) is
  'What became of deliveries since a time, seven days ago at most, by endpoint and minute, or by endpoint and hour if that is more than two hours ago; minutes: how many minutes it is of.';
