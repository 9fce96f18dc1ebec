-- Every attempt of an event, by endpoint, without what the receivers answered.
-- $1 event, $2 endpoint, $3 limit, $4 and $5 behind this endpoint and attempt
select a.endpoint_id, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind, a.error
from postrider.portal_attempt a
where a.event_id = $1::uuid and ($2::uuid is null or a.endpoint_id = $2)
  and ($4::uuid is null or (a.endpoint_id, a.id) > ($4, $5::uuid))
order by a.endpoint_id, a.id
limit $3::integer;
