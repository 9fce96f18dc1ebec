-- What waits, by endpoint, the oldest event first. The row without an endpoint counts events that no daemon has claimed yet.
select b.endpoint_id, b.tenant, b.name, b.url, b.endpoint_state, b.pending, b.due, b.oldest_at, b.oldest_age, b.is_exact
from postrider.backlog b
order by b.oldest_at nulls last, b.endpoint_id
limit 1000;
