-- grant: select to reader, operator, daemon

create or replace view postrider.undelivered as
  select u.endpoint_id, e.tenant, e.name, e.shown_url as url, coalesce(e.state, 'deleted') as endpoint_state,
         u.exhausted, u.discarded, u.is_exact
  from postrider_internal.count_undelivered(10000) u
  left join postrider.endpoint e on e.id = u.endpoint_id;
comment on view postrider.undelivered is
  'Deliveries that ended without success, by endpoint, as long as their events are kept. Its cost does not depend on how many succeeded. postrider.replay() sends them again.';
comment on column postrider.undelivered.endpoint_id is 'The endpoint.';
comment on column postrider.undelivered.tenant is 'Its tenant; null if it was deleted.';
comment on column postrider.undelivered.name is 'Its name; null if it has none or was deleted.';
comment on column postrider.undelivered.url is 'Its URL; null if it was deleted.';
comment on column postrider.undelivered.endpoint_state is 'active, paused, disabled or deleted.';
comment on column postrider.undelivered.exhausted is 'Deliveries that are exhausted: their last attempt failed, and no other follows.';
comment on column postrider.undelivered.discarded is 'Deliveries that were ended by an operator, or with their endpoint; postrider.delivery_status has the reasons.';
comment on column postrider.undelivered.is_exact is 'False if there are more than were counted: 10,000 an endpoint, 100 of further endpoints once there are 100,000.';
