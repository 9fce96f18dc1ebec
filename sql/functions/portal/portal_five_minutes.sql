-- grant: select to portal

create or replace view postrider.portal_five_minutes with (security_barrier = true) as
  select p.began_at, p.endpoint_id, p.succeeded_first, p.succeeded_later, p.failed, p.exhausted, p.discarded, p.sent_again, p.failures, p.request_ms
  from (
    select f.began_at, f.endpoint_id, f.succeeded_first, f.succeeded_later, f.failed, f.exhausted, f.discarded, f.sent_again, f.failures, f.request_ms
    from postrider.endpoint_five_minutes_part f
    union all
    -- The hours that are not made yet.
    select date_bin('5 minutes', m.minute, 'epoch'), m.endpoint_id, m.succeeded_first, m.succeeded_later, m.failed, m.exhausted, m.discarded,
           m.sent_again, m.failures, m.request_ms
    from postrider.endpoint_minute_part m
    where m.minute >= coalesce((select c.made_until from postrider.hour_cursor c), '-infinity')) p
  where exists (
    select from postrider.endpoint e
    where e.id = p.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('endpoints:read')));
comment on view postrider.portal_five_minutes is
  'What became of the deliveries to the endpoints of the tenant whose token this transaction shows, by five minutes, of the last day. Cheap for one endpoint.';
comment on column postrider.portal_five_minutes.began_at is 'When the five minutes began.';
comment on column postrider.portal_five_minutes.endpoint_id is 'The endpoint.';
comment on column postrider.portal_five_minutes.succeeded_first is 'Deliveries that succeeded at the first attempt.';
comment on column postrider.portal_five_minutes.succeeded_later is 'Deliveries that succeeded at a later one.';
comment on column postrider.portal_five_minutes.failed is 'Attempts that failed.';
comment on column postrider.portal_five_minutes.exhausted is 'Deliveries that were exhausted.';
comment on column postrider.portal_five_minutes.discarded is 'Deliveries that were discarded.';
comment on column postrider.portal_five_minutes.sent_again is 'Attempts of deliveries that were sent again by hand or by a replay.';
comment on column postrider.portal_five_minutes.failures is 'Failed attempts by status, or by failure_kind if there was none; null if none failed.';
comment on column postrider.portal_five_minutes.request_ms is 'Attempts by duration, as in postrider.endpoint_minute.';
