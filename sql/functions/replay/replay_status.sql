-- grant: select to reader, operator

create or replace view postrider.replay_status as
  select r.id as replay_id, r.endpoint_id, e.name, e.shown_url as url, coalesce(e.state, 'deleted') as endpoint_state,
         r.state, r.reason, r.since, r.until, r.event_type, r.states, r.events, r.prepared, r.left_alone, p.pending,
         r.prepared - r.restored - p.pending - r.exhausted - f.exhausted - r.discarded - f.discarded as succeeded,
         r.exhausted + f.exhausted as exhausted,
         r.discarded + f.discarded as discarded,
         r.restored, r.created_at, r.progressed_at, r.finished_at, r.requested_by
  from postrider.replay r
  left join postrider.endpoint e on e.id = r.endpoint_id
  cross join lateral (
    select case when r.finished_at is null then postrider_internal.count_replay_pending(r.id) else 0 end as pending
    -- Otherwise each column that it is in would count.
    offset 0) p
  cross join lateral (
    select count(*) filter (where n.state = 'exhausted') as exhausted, count(*) filter (where n.state = 'discarded') as discarded
    from postrider.replay_failure n
    where n.replay_id = r.id) f;
comment on view postrider.replay_status is
  'The replays and how far they are. Cheap: what has finished is counted as it finishes, and what is pending of a replay is bounded.';
comment on column postrider.replay_status.replay_id is 'The replay.';
comment on column postrider.replay_status.endpoint_id is 'The endpoint that gets the events.';
comment on column postrider.replay_status.name is 'The endpoint''s name.';
comment on column postrider.replay_status.url is 'The endpoint''s URL.';
comment on column postrider.replay_status.endpoint_state is 'active; paused: the replay waits; disabled or deleted: it was cancelled with it.';
comment on column postrider.replay_status.state is 'preparing: deliveries are being made pending step by step; delivering: all are, and some are not finished; done; cancelled.';
comment on column postrider.replay_status.reason is 'Why it was cancelled; while it is in progress, what was wrong with its last step.';
comment on column postrider.replay_status.since is 'Events from this time on, by when they were inserted.';
comment on column postrider.replay_status.until is 'Events from before this time.';
comment on column postrider.replay_status.event_type is 'Which types of those that the endpoint is subscribed to.';
comment on column postrider.replay_status.states is 'Which of these events: those with a delivery to the endpoint in one of these states (discarded leaves out what is cancelled), and unmatched, without one.';
comment on column postrider.replay_status.events is 'How many events it was to send when it was requested.';
comment on column postrider.replay_status.prepared is 'How many it has made pending so far.';
comment on column postrider.replay_status.left_alone is 'Events of the range that were already on their way when their turn came.';
comment on column postrider.replay_status.pending is 'Deliveries that wait, are in flight or are being retried.';
comment on column postrider.replay_status.succeeded is 'Deliveries that have succeeded.';
comment on column postrider.replay_status.exhausted is 'Deliveries that were exhausted: their last attempt failed, and no other follows.';
comment on column postrider.replay_status.discarded is 'Deliveries that were discarded.';
comment on column postrider.replay_status.restored is 'Deliveries that were not sent and got back their former state when it was cancelled.';
comment on column postrider.replay_status.created_at is 'When it was requested.';
comment on column postrider.replay_status.progressed_at is 'When its cursor last moved.';
comment on column postrider.replay_status.finished_at is 'When it was done, or cancelled and none of its deliveries was in flight any more.';
comment on column postrider.replay_status.requested_by is 'The database role that requested it.';
