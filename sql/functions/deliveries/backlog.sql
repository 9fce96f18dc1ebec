-- grant: select to reader, operator, daemon

create or replace view postrider.backlog as
  select w.endpoint_id, e.tenant, e.name, e.shown_url as url, coalesce(e.state, 'deleted') as endpoint_state,
         w.pending, w.due, w.oldest_at, now() - w.oldest_at as oldest_age, w.is_exact
  from postrider_internal.count_waiting(10000) w
  left join postrider.endpoint e on e.id = w.endpoint_id
  union all
  select null, null, null, null, null, u.unclaimed, u.unclaimed, u.oldest_at, now() - u.oldest_at, u.is_exact
  from postrider_internal.count_unclaimed(10000) u
  where u.unclaimed > 0;
comment on view postrider.backlog is 'What waits, by endpoint; the row without an endpoint counts events that no daemon has claimed yet. Counts up to 10,000 of each (100 of each once it has counted 100,000) and says if there are more, so it is cheap however much waits.';
comment on column postrider.backlog.endpoint_id is 'The endpoint; null for events that have not been claimed.';
comment on column postrider.backlog.tenant is 'The endpoint''s tenant.';
comment on column postrider.backlog.name is 'Its name.';
comment on column postrider.backlog.url is 'The endpoint''s URL, without user, password and query.';
comment on column postrider.backlog.endpoint_state is 'active, paused, disabled or deleted.';
comment on column postrider.backlog.pending is 'Deliveries that wait or are leased; for unclaimed events, their number. A lower bound if is_exact is false.';
comment on column postrider.backlog.due is 'Those whose time has come. A lower bound if it equals an inexact pending.';
comment on column postrider.backlog.oldest_at is 'When the oldest of their events was inserted, however many there are; for more unclaimed events than are counted, the oldest of those that are claimed next.';
comment on column postrider.backlog.oldest_age is 'How long ago that was.';
comment on column postrider.backlog.is_exact is 'False if there are more than were counted.';
