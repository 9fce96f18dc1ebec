-- Which of those that wait at pull endpoints, by their places in the list, have something to fetch.
-- $1 endpoints, $2 the cursor behind which each waits
select f.place
from postrider_internal.find_fetchable($1, $2) f;
