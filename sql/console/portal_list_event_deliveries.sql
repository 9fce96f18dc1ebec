-- What became of an event at each endpoint that gets it.
-- $1 event, $2 limit, $3 behind this endpoint
select d.endpoint_id, d.name, d.url, d.state, d.detail, d.reason, d.attempts, d.last_http_status, d.last_error,
       d.next_attempt_at, d.created_at, d.finished_at
from postrider_internal.portal_deliveries($1::uuid, $3::uuid, $2::integer) d;
