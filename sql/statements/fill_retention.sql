-- Sets the retention if it is not set yet, and says which one counts.
-- $1 retention in ms
select extract(epoch from f.period)::double precision / 86400 as days, f.period = $1::double precision * interval '1 ms' as is_passed
from postrider_internal.fill_retention($1::double precision * interval '1 ms') f (period);
