-- grant: select to portal

create or replace view postrider.portal_event with (security_barrier = true) as
  select o.id, o.event_type, o.ordering_key, o.created_at, o.deliver_at, o.erased_at, o.test_endpoint_id is not null as is_test
  from postrider.outbox o
  where o.tenant = (select postrider_internal.portal_tenant('attempts:read'))
    and (o.test_endpoint_id is not null or not starts_with(o.event_type, 'postrider.'));
comment on view postrider.portal_event is
  'The events of the tenant whose token this transaction shows, without their payloads and without Postrider''s own. Cheap for one event; portal_events() lists them.';
comment on column postrider.portal_event.id is 'The event; receivers see it as webhook-id.';
comment on column postrider.portal_event.event_type is 'Its type.';
comment on column postrider.portal_event.ordering_key is 'Which thing it is about; null if that was not said.';
comment on column postrider.portal_event.created_at is 'When it was inserted.';
comment on column postrider.portal_event.deliver_at is 'It is not sent before this time; null for at once.';
comment on column postrider.portal_event.erased_at is 'When what it said was erased; null if it was not.';
comment on column postrider.portal_event.is_test is 'Whether it was sent to try an endpoint.';
