-- Why an event did not arrive: for each endpoint of its tenant, what became of it or why it has no delivery.
-- role: postrider_reader
-- cost: a look-up in each table; the tenant's endpoints are read
-- set: event_id, the event's id, which receivers see as webhook-id
--
-- A row without an endpoint: its tenant has none. No row at all: no such event was committed, or it is past its retention.
\if :{?event_id} \else \warn Set event_id, as in: psql -v event_id=... \quit \endif
with event as (
  select o.id, o.xid, o.seq, o.event_type, o.tenant, o.created_at,
         case when o.tenant = '' then 'there is no endpoint without a tenant, as the event is'
              else format('there is no endpoint of its tenant, %L', o.tenant) end as lack
  from postrider.outbox o
  where o.id = :'event_id'
), cursor as (
  select c.base, c.target, c.after_xid, c.after_seq, c.aside_xids, c.aside_seqs
  from postrider.claim c
  order by c.id desc
  limit 1
), rule as (
  select s.endpoint_id,
         array_agg(s.event_type order by s.event_type) as patterns,
         bool_or(m.is_match) as is_match,
         string_agg(s.filter::text, ' or ' order by s.id) filter (where m.is_match) as filters,
         min(s.created_at) filter (where m.is_match) as matched_since
  from event o
  join postrider.subscription s on s.tenant = o.tenant
  cross join lateral (select s.event_type = any (postrider_internal.event_type_patterns(o.event_type)) as is_match) m
  group by s.endpoint_id
)
select i.id as endpoint_id, e.name, e.shown_url as url, case when i.id is not null then coalesce(e.state, 'deleted') end as endpoint_state,
       d.state, d.attempts, a.http_status, a.error,
       case
         when d.state = 'discarded' then d.reason
         when d.state = 'succeeded' then format('it did, at %s', d.finished_at)
         when d.state = 'exhausted' then coalesce(d.reason, 'every attempt of its schedule has failed')
         when d.state = 'pending' and d.lease_expires_at > now() then 'an attempt is in progress'
         when d.state = 'pending' and e.state = 'paused' then coalesce('the endpoint is paused: ' || e.state_reason, 'the endpoint is paused')
         when d.state = 'pending' and e.signing <> 'hmac' and not postrider_internal.has_signing_key(e.id) then 'a daemon has yet to make the endpoint''s ed25519 key'
         when s.detail = 'unconsented' then 'the receiver has not consented yet: see postrider.endpoint_handshake'
         when s.detail = 'circuit open' then 'the endpoint keeps failing and gets only probes: see postrider.endpoint_health'
         when s.detail = 'limited' then 'a limit of the endpoint is reached'
         when s.detail in ('ordered', 'halted') then format('event %s of its ordering key goes first%s', s.behind_event_id, case s.detail when 'halted' then ': it is exhausted and halts the key, see postrider.halted_key' else '' end)
         when d.state = 'pending' then format('the next attempt is due at %s', d.next_attempt_at)
         when f.event_id is not null then 'its first attempt is in progress'
         when not postrider_internal.has_passed(c.base, c.target, c.after_xid, c.after_seq, c.aside_xids, c.aside_seqs, o.xid, o.seq)
         then 'no daemon has claimed it yet' || case when i.id is null then ', and ' || o.lack else '' end
         when i.id is null then o.lack
         when r.endpoint_id is null then 'the endpoint has no subscription'
         when not r.is_match then format('none of its subscriptions is to %s: %s', o.event_type, array_to_string(r.patterns, ', '))
         when r.matched_since > o.created_at then format('it was subscribed after the event, at %s', r.matched_since)
         when r.filters is not null then format('its filter did not match: %s', r.filters)
         when e.state = 'disabled' then coalesce('the endpoint is disabled: ' || e.state_reason, 'the endpoint is disabled')
         else format('it did not match when the event was claimed; see who changed the endpoint since, up to %s', e.updated_at)
       end as why
from event o
left join lateral (
  select t.id from postrider.endpoint t where t.tenant = o.tenant
  union
  -- endpoints that were deleted since
  select g.endpoint_id from postrider.delivery g where g.event_id = o.id) i on true
cross join cursor c
left join postrider.endpoint e on e.id = i.id
left join rule r on r.endpoint_id = i.id
left join postrider.delivery d on d.event_id = o.id and d.endpoint_id = i.id
left join postrider.delivery_status s on s.event_id = d.event_id and s.endpoint_id = d.endpoint_id
left join postrider.in_flight f on f.event_id = o.id and f.endpoint_id = i.id and f.lease_expires_at is null
left join lateral (
  select l.http_status, l.error
  from postrider.attempt l
  where l.event_id = o.id and l.endpoint_id = i.id
  order by l.attempt_number desc, l.started_at desc
  limit 1) a on true
order by i.id;
