-- grant: select to portal

create or replace view postrider.portal_hour with (security_barrier = true) as
  select p.hour, p.endpoint_id, p.succeeded_first, p.succeeded_later, p.failed, p.exhausted, p.discarded, p.sent_again, p.failures, p.request_ms
  from postrider.endpoint_hour p
  where exists (
    select from postrider.endpoint e
    where e.id = p.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('endpoints:read')));
comment on view postrider.portal_hour is
  'What became of the deliveries to the endpoints of the tenant whose token this transaction shows, by hour. Cheap for one endpoint.';
comment on column postrider.portal_hour.hour is 'When the hour began.';
comment on column postrider.portal_hour.endpoint_id is 'The endpoint.';
comment on column postrider.portal_hour.succeeded_first is 'Deliveries that succeeded at the first attempt.';
comment on column postrider.portal_hour.succeeded_later is 'Deliveries that succeeded at a later one.';
comment on column postrider.portal_hour.failed is 'Attempts that failed.';
comment on column postrider.portal_hour.exhausted is 'Deliveries that were exhausted.';
comment on column postrider.portal_hour.discarded is 'Deliveries that were discarded.';
comment on column postrider.portal_hour.sent_again is 'Attempts of deliveries that were sent again by hand or by a replay.';
comment on column postrider.portal_hour.failures is 'Failed attempts by status, or by failure_kind if there was none; null if none failed.';
comment on column postrider.portal_hour.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';
