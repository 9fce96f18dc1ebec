-- How much happens: each minute, of the five before the last, and in 24 hours.
select m.claimed / 5.0 as claimed_per_minute, m.delivered / 5.0 as delivered_per_minute, d.exhausted, u.unmatched
from (
  select coalesce(sum(m.claimed), 0) as claimed, coalesce(sum(m.succeeded_first + m.succeeded_later), 0) as delivered
  from postrider.daemon_minute m
  where m.minute >= date_bin('1 minute', now(), 'epoch') - interval '6 minutes'
    and m.minute < date_bin('1 minute', now(), 'epoch') - interval '1 minute') m
cross join (
  select coalesce(sum(m.exhausted), 0)::bigint as exhausted
  from postrider.daemon_minute m
  where m.minute >= now() - interval '24 hours') d
cross join (
  select coalesce(sum(u.events), 0)::bigint as unmatched from postrider.count_unmatched(now() - interval '24 hours') u) u;
