-- grant: select to portal

create or replace view postrider.portal_answer with (security_barrier = true) as
  select a.event_id, a.endpoint_id, a.id, a.attempt_number, a.started_at, a.http_status, a.response_headers, a.response_body
  from postrider.attempt a
  where exists (
    select from postrider.endpoint e
    where e.id = a.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('payload:read')))
    and exists (
      select from postrider.outbox o
      where o.id = a.event_id and o.tenant = (select postrider_internal.portal_tenant('payload:read'))
        and (o.test_endpoint_id is not null or not starts_with(o.event_type, 'postrider.')));
comment on view postrider.portal_answer is
  'What the endpoints of the tenant whose token this transaction shows answered to each attempt. Cheap for one event.';
comment on column postrider.portal_answer.event_id is 'The event that was sent.';
comment on column postrider.portal_answer.endpoint_id is 'The endpoint that answered.';
comment on column postrider.portal_answer.id is 'The attempt.';
comment on column postrider.portal_answer.attempt_number is 'First, second ... attempt of the delivery.';
comment on column postrider.portal_answer.started_at is 'When the attempt started.';
comment on column postrider.portal_answer.http_status is 'The status of the response; null if there was none.';
comment on column postrider.portal_answer.response_headers is 'Headers of the response, as far as they are kept.';
comment on column postrider.portal_answer.response_body is 'The beginning of the response''s body, as text.';
