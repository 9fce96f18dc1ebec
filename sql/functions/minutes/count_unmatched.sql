-- grant: execute to reader, operator

create or replace function postrider.count_unmatched(since timestamptz) returns table (
  tenant text, event_type text, events bigint, last_seen_at timestamptz
)
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  -- Whole hours that are made, and the minutes around them: a claim adds a row to a minute, and there may be many in a second.
  with bound as (
    select b.first_hour, greatest(b.first_hour, b.made_until) as last_hour
    from (
      select date_bin('1 hour', count_unmatched.since + interval '1 hour' - interval '1 microsecond', 'epoch') as first_hour,
             (select c.made_until from postrider.hour_cursor c) as made_until) b
  )
  select u.tenant, u.event_type, sum(u.events)::bigint, max(u.at)
  from (
    select h.tenant, h.event_type, h.events, h.hour as at
    from postrider.unmatched_hour h
    where h.hour >= (select b.first_hour from bound b)
    union all
    select m.tenant, m.event_type, m.events, m.minute
    from postrider.unmatched_minute_part m
    where m.minute >= count_unmatched.since and m.minute < (select b.first_hour from bound b)
    union all
    select m.tenant, m.event_type, m.events, m.minute
    from postrider.unmatched_minute_part m
    where m.minute >= (select b.last_hour from bound b) and m.minute >= count_unmatched.since) u
  group by u.tenant, u.event_type;
end;
comment on function postrider.count_unmatched(timestamptz) is
  'Events that no endpoint got since a time, by tenant and type, and the minute or hour in which the last of them was claimed. Use it to find subscriptions that are missing: select event_type, events from postrider.count_unmatched(now() - interval ''1 day''). It reads hours where it can, so a month is cheap.';
