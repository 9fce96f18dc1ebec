-- The twenty events that have waited longest for an endpoint, and what each waits for.
-- role: postrider_reader
-- cost: reads what waits and nothing else: about a second if a million deliveries wait
--
-- Events that no daemon has claimed yet wait for every endpoint: they are the row without an endpoint in postrider.backlog.
with waiting as materialized (
  select d.event_id, d.endpoint_id, d.attempts, d.next_attempt_at, d.lease_expires_at
  from postrider.delivery d
  where d.state = 'pending'
  union all
  -- first attempts that a daemon has in hand have no delivery yet
  select f.event_id, f.endpoint_id, 0, null, null
  from postrider.in_flight f
  where f.lease_expires_at is null
), oldest as (
  select w.event_id, w.endpoint_id, w.attempts, w.next_attempt_at, w.lease_expires_at
  from waiting w
  order by w.event_id
  limit 20
)
select w.event_id, o.event_type, o.tenant, o.created_at, now() - o.created_at as age, w.endpoint_id, e.name, e.shown_url as url,
       case
         when w.next_attempt_at is null or w.lease_expires_at > now() then 'an attempt is in progress'
         when e.state = 'paused' then coalesce('the endpoint is paused: ' || e.state_reason, 'the endpoint is paused')
         when e.signing <> 'hmac' and not postrider_internal.has_signing_key(e.id) then 'a daemon has yet to make the endpoint''s ed25519 key'
         when s.detail = 'unconsented' then 'the receiver has not consented yet: see postrider.endpoint_handshake'
         when s.detail = 'circuit open' then 'the endpoint keeps failing and gets only probes: see postrider.endpoint_health'
         when s.detail = 'limited' then 'a limit of the endpoint is reached'
         when s.detail in ('ordered', 'halted') then format('event %s of its ordering key goes first%s', s.behind_event_id, case s.detail when 'halted' then ': it is exhausted and halts the key, see postrider.halted_key' else '' end)
         when w.next_attempt_at > now() then format('the next attempt, at %s', w.next_attempt_at)
         else 'its turn'
       end as waits_for,
       w.attempts, a.error as last_error
from oldest w
left join postrider.outbox o on o.id = w.event_id
left join postrider.endpoint e on e.id = w.endpoint_id
left join lateral (
  select d.detail, d.behind_event_id
  from postrider.delivery_status d
  where d.event_id = w.event_id and d.endpoint_id = w.endpoint_id) s on true
left join lateral (
  select l.error
  from postrider.attempt l
  where l.event_id = w.event_id and l.endpoint_id = w.endpoint_id
  order by l.attempt_number desc, l.started_at desc
  limit 1) a on true
order by w.event_id;
