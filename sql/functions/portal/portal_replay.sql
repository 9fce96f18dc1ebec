-- grant: select to portal

create or replace view postrider.portal_replay with (security_barrier = true) as
  -- As in replay_status, but counted here: its function would count for whoever knows the id of a replay.
  select r.id as replay_id, r.endpoint_id, e.name, r.state, r.since, r.until, r.event_type, r.states, r.events, r.prepared, r.left_alone,
         p.pending, r.prepared - r.restored - p.pending - r.exhausted - f.exhausted - r.discarded - f.discarded as succeeded,
         r.exhausted + f.exhausted as exhausted, r.discarded + f.discarded as discarded, r.restored, r.created_at, r.progressed_at, r.finished_at
  from postrider.replay r
  join postrider.endpoint e on e.id = r.endpoint_id and e.tenant = (select postrider_internal.portal_tenant('replay'))
  cross join lateral (
    select count(*) as pending
    from postrider.delivery d
    where r.finished_at is null and d.replay_id = r.id and d.state = 'pending') p
  cross join lateral (
    select count(*) filter (where n.state = 'exhausted') as exhausted, count(*) filter (where n.state = 'discarded') as discarded
    from postrider.replay_failure n
    where n.replay_id = r.id) f;
comment on view postrider.portal_replay is
  'The replays to the endpoints of the tenant whose token this transaction shows, and how far they are.';
comment on column postrider.portal_replay.replay_id is 'The replay.';
comment on column postrider.portal_replay.endpoint_id is 'The endpoint that gets the events.';
comment on column postrider.portal_replay.name is 'The endpoint''s name.';
comment on column postrider.portal_replay.state is 'preparing, delivering, done or cancelled.';
comment on column postrider.portal_replay.since is 'Events from this time on, by when they were inserted.';
comment on column postrider.portal_replay.until is 'Events from before this time.';
comment on column postrider.portal_replay.event_type is 'Which types of those that the endpoint is subscribed to.';
comment on column postrider.portal_replay.states is 'Which of these events.';
comment on column postrider.portal_replay.events is 'How many events it was to send when it was requested.';
comment on column postrider.portal_replay.prepared is 'How many it has made pending so far.';
comment on column postrider.portal_replay.left_alone is 'Events of the range that were already on their way when their turn came.';
comment on column postrider.portal_replay.pending is 'Deliveries that wait, are in flight or are being retried.';
comment on column postrider.portal_replay.succeeded is 'Deliveries that have succeeded.';
comment on column postrider.portal_replay.exhausted is 'Deliveries that were exhausted.';
comment on column postrider.portal_replay.discarded is 'Deliveries that were discarded.';
comment on column postrider.portal_replay.restored is 'Deliveries that were not sent and got back their former state when it was cancelled.';
comment on column postrider.portal_replay.created_at is 'When it was requested.';
comment on column postrider.portal_replay.progressed_at is 'When its cursor last moved.';
comment on column postrider.portal_replay.finished_at is 'When it was done or cancelled.';
