-- grant: select to reader, operator, daemon

create or replace view postrider.in_flight as
  select p.event_id, p.endpoint_id, e.name, e.shown_url as url, 1 as attempt_number, c.daemon_id, c.claimed_at as since,
         null::timestamptz as lease_expires_at, null::uuid as batch_id
  from postrider.claim c
  cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
  left join postrider.endpoint e on e.id = p.endpoint_id
  where not exists (
    select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
    offset 0) -- one probe a pair: as a join it would be hashed, and every delivery there is read for that
  union all
  select d.event_id, d.endpoint_id, e.name, e.shown_url, d.attempts + 1, d.leased_by, null, d.lease_expires_at, d.batch_id
  from postrider.delivery d
  left join postrider.endpoint e on e.id = d.endpoint_id
  where d.lease_expires_at > now() and d.lease_expires_at is not null;
comment on view postrider.in_flight is 'Deliveries that a daemon has in hand: first attempts from its memory, and leased ones.';
comment on column postrider.in_flight.event_id is 'The event.';
comment on column postrider.in_flight.endpoint_id is 'The endpoint.';
comment on column postrider.in_flight.name is 'The endpoint''s name; null if it has none or was deleted.';
comment on column postrider.in_flight.url is 'The endpoint''s URL, without user, password and query; null if it was deleted.';
comment on column postrider.in_flight.attempt_number is 'Which attempt it is.';
comment on column postrider.in_flight.daemon_id is 'The daemon that has it in hand.';
comment on column postrider.in_flight.since is 'When it was claimed; null for a leased delivery.';
comment on column postrider.in_flight.lease_expires_at is 'Until when it is leased; null for a first attempt, which is held as long as its daemon beats.';
comment on column postrider.in_flight.batch_id is 'The batch in which it is sent; null if it is sent alone.';
