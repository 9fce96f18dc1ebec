-- grant: select to portal

create or replace view postrider.portal_attempt with (security_barrier = true) as
  select a.event_id, a.endpoint_id, a.id, a.attempt_number, a.started_at, a.duration_ms, a.http_status, a.failure_kind,
         postrider_internal.portal_error(a.failure_kind, a.error) as error
  from postrider.attempt a
  where exists (
    select from postrider.endpoint e
    where e.id = a.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('attempts:read')))
    and exists (
      select from postrider.outbox o
      where o.id = a.event_id and o.tenant = (select postrider_internal.portal_tenant('attempts:read'))
        and (o.test_endpoint_id is not null or not starts_with(o.event_type, 'postrider.')));
comment on view postrider.portal_attempt is
  'The attempts to send events of the tenant whose token this transaction shows to its endpoints, without what these answered. Cheap for one event; portal_failed_attempts() lists those that failed.';
comment on column postrider.portal_attempt.event_id is 'The event that was sent.';
comment on column postrider.portal_attempt.endpoint_id is 'The endpoint that it was sent to.';
comment on column postrider.portal_attempt.id is 'The attempt.';
comment on column postrider.portal_attempt.attempt_number is 'First, second ... attempt of the delivery.';
comment on column postrider.portal_attempt.started_at is 'When it started.';
comment on column postrider.portal_attempt.duration_ms is 'Milliseconds until the answer was read, or the attempt was given up.';
comment on column postrider.portal_attempt.http_status is 'The status of the response; null if there was none.';
comment on column postrider.portal_attempt.failure_kind is 'How the attempt failed; null on success.';
comment on column postrider.portal_attempt.error is 'What went wrong, in a sentence.';
