-- Attempts that failed, the newest first.
-- $1 endpoint, $2 since, $3 until, $4 limit, $5 and $6 behind the attempt that started then and has this id
select a.event_id, a.endpoint_id, a.name, a.event_type, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status,
       a.failure_kind, a.error
from postrider_internal.portal_failed_attempts($1::uuid, $2::timestamptz, $3::timestamptz, $5::timestamptz, $6::uuid, $4::integer) a;
