-- How deliveries of the last 30 days stand to the objective of an endpoint, of a tenant, or of all.
-- $1 endpoint, $2 tenant
select j.target, j.within, j.set_for, j.in_time, j.budget_left, j.good, j.bad, j.overdue, j.is_exact, j.left_out,
       j.burn_5m, j.burn_30m, j.burn_1h, j.burn_6h, j.is_burning
from postrider.judge_objective($1::uuid, $2::text) j;
