create or replace view postrider.attempt as
  select d.event_id, d.endpoint_id, d.first_attempt_id as id, d.first_daemon_id as daemon_id, d.first_started_at as started_at,
         1 as attempt_number, d.first_duration_ms as duration_ms, d.first_http_status as http_status,
         null::postrider.failure_kind as failure_kind, null::text as error,
         d.first_response_headers as response_headers, d.first_response_body as response_body,
         coalesce(d.first_requests, 1::smallint) as requests, d.first_endpoint_revision as endpoint_revision,
         null::uuid as batch_id
  from postrider.delivery d
  where d.first_attempt_id is not null
  union all
  select a.event_id, a.endpoint_id, a.id, a.daemon_id, a.started_at,
         a.attempt_number, a.duration_ms, a.http_status,
         a.failure_kind, a.error,
         a.response_headers, a.response_body,
         coalesce(a.requests, 1::smallint), a.endpoint_revision,
         a.batch_id
  from postrider.other_attempt a;
comment on view postrider.attempt is 'Every attempt that was made, and its result. Cheap for one event; for many, say since when: where event_id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';
comment on column postrider.attempt.event_id is 'The event that was sent.';
comment on column postrider.attempt.endpoint_id is 'The endpoint that it was sent to.';
comment on column postrider.attempt.id is 'Identifies the attempt.';
comment on column postrider.attempt.daemon_id is 'The daemon that made it.';
comment on column postrider.attempt.started_at is 'When it started, by the daemon''s clock.';
comment on column postrider.attempt.attempt_number is
  'First, second ... attempt of the delivery. After a crash two attempts can have the same number: both were sent.';
comment on column postrider.attempt.duration_ms is
  'Milliseconds until the answer was read, or the attempt was given up.';
comment on column postrider.attempt.http_status is 'The status of the response; null if there was none.';
comment on column postrider.attempt.failure_kind is
  'How the attempt failed; null on success. \dD postrider.failure_kind lists the kinds.';
comment on column postrider.attempt.error is 'What went wrong, in a sentence.';
comment on column postrider.attempt.response_headers is
  'Headers of the response, as far as they are kept (16 KiB together with the body).';
comment on column postrider.attempt.response_body is
  'The beginning of the response''s body, as text; U+FFFD replaces NUL and what is not UTF-8.';
comment on column postrider.attempt.requests is
  'How many HTTP requests it made: 1; 2 if the first was written to a connection that the receiver had just closed; 0 if none could be written.';
comment on column postrider.attempt.endpoint_revision is 'The revision of the endpoint that it used.';
comment on column postrider.attempt.batch_id is 'The batch in which the event was sent; null if it was sent alone. What the receiver answered is shown with one event of the batch.';
