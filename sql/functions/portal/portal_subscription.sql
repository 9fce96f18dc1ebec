-- grant: select to portal

create or replace view postrider.portal_subscription with (security_barrier = true) as
  select s.id, s.endpoint_id, s.event_type, s.filter, s.created_at
  from postrider.subscription s
  where s.tenant = (select postrider_internal.portal_tenant('endpoints:read'));
comment on view postrider.portal_subscription is 'The subscriptions of the tenant whose token this transaction shows.';
comment on column postrider.portal_subscription.id is 'The subscription.';
comment on column postrider.portal_subscription.endpoint_id is 'The endpoint that gets the events.';
comment on column postrider.portal_subscription.event_type is 'An event type, a prefix such as order.*, or *.';
comment on column postrider.portal_subscription.filter is 'A predicate over the payload; null for no filter.';
comment on column postrider.portal_subscription.created_at is 'When it was made.';
