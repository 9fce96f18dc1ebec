-- Endpoints, the newest first, and whether each fails.
-- $1 tenant, $2 state, $3 only those that fail, $4 a part of the name, the URL or the id, $5 limit, $6 older than this one
select e.id, e.tenant, e.name, e.shown_url as url, e.kind, e.format, e.state, e.state_reason, e.state_changed_at,
       e.created_at, e.revision,
       coalesce(f.consecutive_failures, 0) as consecutive_failures, f.failing_since, f.last_failure_at, f.last_failure_kind,
       f.last_http_status, f.last_error, e.circuit_opened_at
from postrider.endpoint e
left join postrider.endpoint_failure f on f.endpoint_id = e.id
where ($1::text is null or e.tenant = $1)
  and ($2::text is null or e.state = $2)
  and ($3::boolean is not true or f.consecutive_failures > 0)
  and ($4::text is null
       or strpos(lower(concat_ws(' ', e.name, e.shown_url, e.id)), lower($4)) > 0)
  and ($6::uuid is null or e.id < $6)
order by e.id desc
limit $5::integer;
