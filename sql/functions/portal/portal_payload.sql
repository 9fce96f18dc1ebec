-- grant: select to portal

create or replace view postrider.portal_payload with (security_barrier = true) as
  select o.id, o.payload
  from postrider.outbox o
  where o.tenant = (select postrider_internal.portal_tenant('payload:read'))
    and (o.test_endpoint_id is not null or not starts_with(o.event_type, 'postrider.'));
comment on view postrider.portal_payload is
  'The payloads of the events of the tenant whose token this transaction shows, as the application wrote them, whatever a transformation makes of them. Cheap for one event.';
comment on column postrider.portal_payload.id is 'The event.';
comment on column postrider.portal_payload.payload is 'Its payload.';
