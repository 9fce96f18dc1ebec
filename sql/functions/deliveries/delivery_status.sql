-- grant: select to reader, operator

-- The endpoint is looked up for each column, because Postgres cannot read a union in the order of an index once a part of
-- it is a join: the newest twenty would cost as much as all.
create or replace view postrider.delivery_status as
  select d.event_id, d.endpoint_id,
         (select e.name from postrider.endpoint e where e.id = d.endpoint_id) as name,
         (select e.shown_url from postrider.endpoint e where e.id = d.endpoint_id) as url,
         (select o.event_type from postrider.outbox o where o.id = d.event_id) as event_type,
         (select o.tenant from postrider.outbox o where o.id = d.event_id) as tenant,
         d.state,
         case
           when d.state <> 'pending' then d.state
           when exists (select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
             then 'cancelled'
           when d.lease_expires_at > now() then 'in flight'
           else coalesce(
             (select case when e.state = 'paused' then 'paused'
                          when e.kind = 'pull' and d.next_attempt_at <= now() then (
                            select case when d.pull_place > p.acknowledged_place then 'unacknowledged' else 'unfetched' end
                            from (values (1)) one left join postrider.pull_position p on p.endpoint_id = e.id)
                          when e.handshake_state <> 'granted' then 'unconsented'
                          when e.signing <> 'hmac' and not postrider_internal.has_signing_key(e.id) then 'keyless'
                          when e.circuit_opened_at is not null and d.next_attempt_at <= now() then 'circuit open'
                          when d.next_attempt_at <= now() and e.is_limited and postrider_internal.reached_limit(e.id) is not null then 'limited'
                          when d.attempts > d.attempts_before or d.next_attempt_at > now() or d.batch_id is not null then null
                          when (d.attempts = 0 or d.replay_id is not null) and e.batch_size > 1 and not (e.transforms or e.has_transformed)
                            and d.next_attempt_at + e.batch_delay_ms * interval '1 ms' > now() then 'batching' end
              from postrider.endpoint e
              where e.id = d.endpoint_id),
             case when d.ordering_key is not null then (
              select case when f.event_id = d.event_id then null when f.state = 'exhausted' then 'halted' else 'ordered' end
              from postrider.delivery f
              where f.endpoint_id = d.endpoint_id and f.ordering_key = d.ordering_key
                and f.ordering_seq is not null and (f.state = 'pending' or f.state = 'exhausted' and f.halts)
              order by (f.leased_by is null), f.ordering_seq
              limit 1) end,
             case when d.attempts > d.attempts_before then 'retrying' when d.next_attempt_at > now() then 'scheduled' else 'deferred' end)
         end as detail,
         case when d.state in ('discarded', 'exhausted') then d.reason end as reason,
         d.attempts,
         (select a.http_status from postrider.attempt a
          where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id
          order by a.attempt_number desc, a.started_at desc limit 1)::integer as last_http_status,
         (select a.error from postrider.attempt a
          where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id
          order by a.attempt_number desc, a.started_at desc limit 1) as last_error,
         d.next_attempt_at,
         d.created_at,
         d.finished_at,
         (select e.format from postrider.endpoint e where e.id = d.endpoint_id)::text as format,
         (select coalesce('not applied: ' || t.problem, 'applied')
          from postrider.transformation t
          where t.event_id = d.event_id and t.endpoint_id = d.endpoint_id) as transformation,
         d.batch_id,
         case when d.ordering_key is not null and d.state = 'pending' and d.leased_by is null then (
          select nullif(f.event_id, d.event_id)
          from postrider.delivery f
          where f.endpoint_id = d.endpoint_id and f.ordering_key = d.ordering_key
            and f.ordering_seq is not null and (f.state = 'pending' or f.state = 'exhausted' and f.halts)
          order by (f.leased_by is null), f.ordering_seq
          limit 1) end as behind_event_id,
         d.state = 'exhausted' and d.halts is not null as halts_key,
         coalesce(
           (select case when e.inline_limit is not null then
              (select postrider_internal.is_thin(o.payload, e.inline_limit) from postrider.outbox o where o.id = d.event_id) end
            from postrider.endpoint e where e.id = d.endpoint_id), false) as is_thin
  from postrider.delivery d
  union all
  select f.event_id, f.endpoint_id, f.name, f.url,
         (select o.event_type from postrider.outbox o where o.id = f.event_id),
         (select o.tenant from postrider.outbox o where o.id = f.event_id),
         'pending',
         case when exists (select from postrider.cancellation c where c.event_id = f.event_id and c.endpoint_id = f.endpoint_id)
              then 'cancelled' else 'in flight' end,
         null, 0, null, null, null, f.since, null,
         (select e.format from postrider.endpoint e where e.id = f.endpoint_id)::text, null, null, null, false,
         coalesce(
           (select case when e.inline_limit is not null then
              (select postrider_internal.is_thin(o.payload, e.inline_limit) from postrider.outbox o where o.id = f.event_id) end
            from postrider.endpoint e where e.id = f.endpoint_id), false)
  from postrider.in_flight f
  where f.lease_expires_at is null;
comment on view postrider.delivery_status is 'Every delivery and what became of it, including those whose first attempt is in progress. Cheap for one event; for many, say since when: where event_id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';
comment on column postrider.delivery_status.event_id is 'The event.';
comment on column postrider.delivery_status.endpoint_id is 'The endpoint.';
comment on column postrider.delivery_status.name is 'The endpoint''s name; null if it has none or was deleted.';
comment on column postrider.delivery_status.url is 'The endpoint''s URL, without user, password and query; null if it was deleted.';
comment on column postrider.delivery_status.event_type is 'The event''s type.';
comment on column postrider.delivery_status.tenant is 'The event''s tenant.';
comment on column postrider.delivery_status.state is 'pending, succeeded, exhausted or discarded.';
comment on column postrider.delivery_status.detail is 'The state, and for a pending delivery what it waits for: in flight, paused, retrying, scheduled, batching (for others to share its request), limited (due, but a limit of the endpoint is reached), deferred; ordered: an earlier event of its ordering key, and halted: one that halts the key, both in behind_event_id; circuit open: the endpoint keeps failing, and is sent only probes; unconsented: the receiver has not consented yet, see postrider.endpoint_handshake; keyless: a daemon has yet to make the endpoint''s ed25519 key; unfetched: the receiver of a pull endpoint has yet to fetch it, and unacknowledged: it has, or gets it with its next pages, and has not asked for what follows; cancelled: its last attempt is in progress.';
comment on column postrider.delivery_status.reason is 'Why it was discarded, or exhausted before its retry schedule was used up.';
comment on column postrider.delivery_status.attempts is 'Attempts recorded so far.';
comment on column postrider.delivery_status.last_http_status is 'The status that the last attempt got; null if none came back.';
comment on column postrider.delivery_status.last_error is 'What was wrong with the last attempt; null if nothing was.';
comment on column postrider.delivery_status.next_attempt_at is 'When the next attempt is due; while one is in progress, when its lease ends.';
comment on column postrider.delivery_status.created_at is 'When the delivery was created.';
comment on column postrider.delivery_status.finished_at is 'When it succeeded, was exhausted or was discarded.';
comment on column postrider.delivery_status.format is 'In which format the endpoint has its events now; null if it was deleted.';
comment on column postrider.delivery_status.transformation is 'Whether its payload or a header is what the endpoint''s transformation made of the event: applied, or not applied and why, in which case the payload is sent whole. Null if no transformation was looked at. If it was discarded for that, reason says so.';
comment on column postrider.delivery_status.batch_id is 'The batch in which it was last sent, and is sent again while it is pending; null if it was sent alone.';
comment on column postrider.delivery_status.behind_event_id is 'The event of the same ordering key that goes before it at an ordered endpoint; null if it waits for none.';
comment on column postrider.delivery_status.halts_key is 'Whether it is exhausted and halts its ordering key: postrider.skip() passes over it, postrider.redeliver() sends it again.';
comment on column postrider.delivery_status.is_thin is 'Whether its payload is larger than the inline_limit that the endpoint has now, so that the receiver fetches it.';
