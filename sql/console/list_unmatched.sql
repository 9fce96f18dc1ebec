-- Events that no endpoint got, by tenant and type, the most first.
-- $1 since
select u.tenant, u.event_type, u.events, u.last_seen_at
from postrider.count_unmatched(coalesce($1::timestamptz, now() - interval '24 hours')) u
order by u.events desc, u.tenant, u.event_type
limit 200;
