-- What became of deliveries, in bars. In a bar in which no daemon lived everything is null.
-- $1 endpoint, $2 tenant, $3 since, $4 length of a bar
select c.at, c.length as step, c.claimed, c.succeeded_first, c.succeeded_later, c.failed, c.exhausted, c.discarded, c.sent_again, c.failures
from postrider.chart($3::timestamptz, $4::interval, $1::uuid, $2::text) c
order by c.at;
