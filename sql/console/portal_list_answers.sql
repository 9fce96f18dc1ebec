-- What a receiver answered to each attempt of an event.
-- $1 event, $2 endpoint
select a.id, a.attempt_number, a.http_status, a.response_headers, a.response_body
from postrider.portal_answer a
where a.event_id = $1::uuid and a.endpoint_id = $2::uuid
order by a.attempt_number, a.started_at
limit 100;
