-- Replays: ranges of deliveries that are made again.
-- locks: nothing that exists; it makes new tables only
-- breaking: no

create table postrider.replay (
  id uuid not null default postrider.uuid_v7(),
  endpoint_id uuid not null,
  since timestamptz not null,
  until timestamptz not null,
  event_type text not null,
  states text[] not null,
  state text not null default 'preparing',
  reason text,
  events bigint not null default 0,
  after_event uuid not null,
  prepared bigint not null default 0,
  left_alone bigint not null default 0,
  exhausted bigint not null default 0,
  discarded bigint not null default 0,
  restored bigint not null default 0,
  pace integer not null default 16,
  created_at timestamptz not null default clock_timestamp(),
  progressed_at timestamptz not null default clock_timestamp(),
  next_step_at timestamptz not null default clock_timestamp(),
  finished_at timestamptz,
  requested_by text not null default session_user,
  constraint replay_pkey primary key (id),
  constraint "a replay is preparing, delivering, done or cancelled"
    check (state in ('preparing', 'delivering', 'done', 'cancelled')),
  constraint "a replay is finished when it is done, and not before it is done or cancelled"
    check (case state when 'done' then finished_at is not null when 'cancelled' then true else finished_at is null end),
  constraint "a cancelled replay has a reason" check (state <> 'cancelled' or reason is not null),
  constraint "a replay begins before it ends" check (since < until)
) with (fillfactor = 50);
create index replay_unfinished on postrider.replay (id) where finished_at is null;
create index replay_endpoint_id on postrider.replay (endpoint_id);
comment on table postrider.replay is
  'Replays: ranges of events that an endpoint gets again. Made by postrider.replay() and advanced by the daemons; read them through postrider.replay_status.';
comment on column postrider.replay.id is 'Identifies the replay; ordered by time.';
comment on column postrider.replay.endpoint_id is 'The endpoint that gets the events.';
comment on column postrider.replay.since is 'Events inserted from this time on.';
comment on column postrider.replay.until is 'Events inserted before this time.';
comment on column postrider.replay.event_type is 'Which types of those that the endpoint is subscribed to: exact, a prefix such as order.*, or *.';
comment on column postrider.replay.states is
  'Which of these events: those with a delivery to the endpoint in one of these states (discarded leaves out what is cancelled), and unmatched, without one.';
comment on column postrider.replay.state is 'preparing: deliveries are being made pending step by step; delivering: all are, and some are not finished; done; cancelled.';
comment on column postrider.replay.reason is
  'Why it was cancelled; while it is in progress, what was wrong with its last step.';
comment on column postrider.replay.events is 'How many events it was to send when it was requested.';
comment on column postrider.replay.after_event is 'The cursor: everything up to this id has been looked at.';
comment on column postrider.replay.prepared is 'Deliveries that it has made or made pending again.';
comment on column postrider.replay.left_alone is
  'Events of the range that were already on their way when their turn came.';
comment on column postrider.replay.exhausted is 'Deliveries that were exhausted again, without those in postrider.replay_failure.';
comment on column postrider.replay.discarded is 'Deliveries that were discarded meanwhile, without those in postrider.replay_failure.';
comment on column postrider.replay.restored is
  'Deliveries that were not sent and got back their former state when it was cancelled.';
comment on column postrider.replay.pace is 'How many deliveries one step makes; it follows what the endpoint takes.';
comment on column postrider.replay.created_at is 'When it was requested.';
comment on column postrider.replay.progressed_at is 'When a step last found something to do.';
comment on column postrider.replay.next_step_at is 'When its next step is due.';
comment on column postrider.replay.finished_at is
  'When it was done, or cancelled and none of its deliveries was in flight any more.';
comment on column postrider.replay.requested_by is 'The database role that requested it.';

create table postrider.replay_failure (
  replay_id uuid not null,
  state text not null,
  constraint "a replayed delivery fails as exhausted or discarded" check (state in ('exhausted', 'discarded'))
);
-- The table has no key, and without a replica identity a publication of the schema would refuse the deletes.
alter table postrider.replay_failure replica identity full;
create index replay_failure_replay_id on postrider.replay_failure (replay_id);
comment on table postrider.replay_failure is
  'Replayed deliveries that did not succeed and are not counted yet: a trigger adds them, and the next step adds them to postrider.replay. A separate table, so that no record waits for a counter.';
comment on column postrider.replay_failure.replay_id is 'The replay.';
comment on column postrider.replay_failure.state is 'exhausted or discarded.';
