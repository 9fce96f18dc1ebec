-- What became of an event at each endpoint that gets it.
-- $1 event, $2 limit, $3 behind this endpoint
select d.endpoint_id, d.name, d.url, d.state, d.detail, d.reason, d.attempts, d.last_http_status, d.last_error,
       d.next_attempt_at, d.created_at, d.finished_at, d.format, d.transformation, d.batch_id, d.behind_event_id, d.halts_key, d.is_thin,
       (select r.replay_id from postrider.delivery r where r.event_id = d.event_id and r.endpoint_id = d.endpoint_id) as replay_id
from postrider.delivery_status d
where d.event_id = $1::uuid and ($3::uuid is null or d.endpoint_id > $3)
order by d.endpoint_id
limit $2::integer;
