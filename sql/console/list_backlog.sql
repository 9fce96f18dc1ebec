-- What waits, by endpoint, the oldest event first. The row without an endpoint counts events that no daemon has claimed yet.
-- Counts up to 500 of an endpoint, and 100 of each further one once there are 500: postrider.backlog counts more.
select w.endpoint_id, e.tenant, e.name, e.shown_url as url, coalesce(e.state, 'deleted') as endpoint_state,
       w.pending, w.due, w.oldest_at, now() - w.oldest_at as oldest_age, w.is_exact
from postrider_internal.count_waiting(500, total_max => 500, rest_max => 100) w
left join postrider.endpoint e on e.id = w.endpoint_id
union all
select null, null, null, null, null, u.unclaimed, u.unclaimed, u.oldest_at, now() - u.oldest_at, u.is_exact
from postrider_internal.count_unclaimed(500) u
where u.unclaimed > 0
order by oldest_at nulls last, endpoint_id
limit 1000;
