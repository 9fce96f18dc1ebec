-- Events that no endpoint got, by tenant and type, the most first.
-- $1 since
select u.tenant, u.event_type, sum(u.events)::bigint as events, max(u.minute) as last_minute
from postrider.unmatched_minute u
where u.minute >= coalesce($1::timestamptz, now() - interval '24 hours')
group by u.tenant, u.event_type
order by events desc, u.tenant, u.event_type
limit 200;
