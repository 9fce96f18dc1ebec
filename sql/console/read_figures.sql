-- How much happens: each minute, of the five before the last, and in 24 hours.
select m.claimed / 5.0 as claimed_per_minute, m.delivered / 5.0 as delivered_per_minute, d.exhausted, u.unmatched
from (
  select coalesce(sum(m.claimed), 0) as claimed, coalesce(sum(m.succeeded_first + m.succeeded_later), 0) as delivered
  from postrider.daemon_minute m
  where m.minute >= date_bin('1 minute', now(), 'epoch') - interval '6 minutes'
    and m.minute < date_bin('1 minute', now(), 'epoch') - interval '1 minute') m
cross join (
  -- Whole hours that are made, and the minutes around them.
  select coalesce(sum(t.exhausted), 0)::bigint as exhausted
  from (
    select h.exhausted
    from postrider.daemon_hour_part h
    where h.hour >= now() - interval '24 hours'
    union all
    select m.exhausted
    from postrider.daemon_minute m
    where m.minute >= now() - interval '24 hours' and m.minute < date_bin('1 hour', now() - interval '23 hours' - interval '1 microsecond', 'epoch')
    union all
    select m.exhausted
    from postrider.daemon_minute m
    where m.minute >= date_bin('1 hour', now() - interval '23 hours' - interval '1 microsecond', 'epoch')
      and m.minute >= coalesce((select c.made_until from postrider.hour_cursor c), '-infinity')) t) d
cross join (
  select coalesce(sum(u.events), 0)::bigint as unmatched from postrider.count_unmatched(now() - interval '24 hours') u) u;
