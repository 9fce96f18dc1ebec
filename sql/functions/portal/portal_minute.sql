-- grant: select to portal

create or replace view postrider.portal_minute with (security_barrier = true) as
  select p.minute, p.endpoint_id, p.succeeded_first, p.succeeded_later, p.failed, p.exhausted, p.discarded, p.sent_again, p.failures, p.request_ms
  from postrider.endpoint_minute_part p
  where exists (
    select from postrider.endpoint e
    where e.id = p.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('endpoints:read')));
comment on view postrider.portal_minute is
  'What became of the deliveries to the endpoints of the tenant whose token this transaction shows, by minute. Cheap for one endpoint.';
comment on column postrider.portal_minute.minute is 'When the minute began.';
comment on column postrider.portal_minute.endpoint_id is 'The endpoint.';
comment on column postrider.portal_minute.succeeded_first is 'Deliveries that succeeded at the first attempt.';
comment on column postrider.portal_minute.succeeded_later is 'Deliveries that succeeded at a later one.';
comment on column postrider.portal_minute.failed is 'Attempts that failed.';
comment on column postrider.portal_minute.exhausted is 'Deliveries that were exhausted.';
comment on column postrider.portal_minute.discarded is 'Deliveries that were discarded.';
comment on column postrider.portal_minute.sent_again is 'Attempts of deliveries that were sent again by hand or by a replay.';
comment on column postrider.portal_minute.failures is 'Failed attempts by status, or by failure_kind if there was none; null if none failed.';
comment on column postrider.portal_minute.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';
