-- grant: execute to operator

create or replace function postrider.explain_event(event_id uuid) returns table (
  endpoint_id uuid,
  name text,
  url text,
  endpoint_state text,
  outcome text,
  explanation text,
  would_match_now boolean,
  now_explanation text
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- The deliveries say what happened. Why something did not happen can only be judged by what exists now. The result gives
-- both, because the subscriptions may have changed since the claim; the audit says when.
declare
  event record;
  claimed boolean;
  daemons integer;
  stop text; -- why no daemon sends anything at all; null if they may
  lack text;
begin
  select o.id, o.xid, o.seq, o.event_type, o.tenant, o.payload, o.attributes, o.created_at, o.test_endpoint_id, o.erased_at into event
  from postrider.outbox o
  where o.id = explain_event.event_id;
  if not found then
    raise exception 'there is no event %', coalesce(explain_event.event_id::text, 'null')
      using errcode = 'no_data_found', hint = 'The transaction that inserts it may be open still, or was rolled back; or the event is past its retention.';
  end if;
  claimed := coalesce(postrider_internal.is_claimed(event.xid, event.seq), false);
  select count(*) into daemons from postrider.daemon d where d.lease_expires_at > now();
  select case when not s.is_on then format('sending was switched off by %s, %s%s', s.changed_by, postrider_internal.shown_time(s.changed_at), coalesce(': ' || s.reason, ''))
              when postrider.copy_problem() is not null then 'this database is a copy that was not adopted' end
  into stop
  from postrider.sending s where s.is_row;

  return query
    with known as (
      select e.id, e.name, e.shown_url, e.format, e.state, e.state_reason, e.state_changed_at, e.created_at, e.tenant, e.circuit_opened_at
      from postrider.endpoint e
      where e.tenant = event.tenant
    ), status as (
      select d.endpoint_id, d.state, d.detail, d.reason, d.attempts, d.last_http_status, d.last_error, d.next_attempt_at, d.finished_at, d.transformation, d.batch_id, d.behind_event_id, d.halts_key
      from postrider.delivery_status d
      where d.event_id = explain_event.event_id
    ), met as (
      select coalesce(k.id, s.endpoint_id) as id, coalesce(k.name, o.name) as name, coalesce(k.shown_url, o.shown_url) as url, coalesce(k.state, o.state, 'deleted') as state, k.state_reason,
             k.state_changed_at, k.created_at, k.tenant, k.format, k.circuit_opened_at,
             s.state as delivery_state, s.detail, s.reason, s.attempts, s.last_error, s.next_attempt_at, s.finished_at, s.transformation, s.batch_id, s.behind_event_id, s.halts_key,
             case
               when k.id is null and o.id is not null then format('the endpoint has moved to the tenant %L', o.tenant)
               when k.id is null then 'the endpoint was deleted'
               when event.erased_at is not null then 'the event was erased ' || postrider_internal.shown_time(event.erased_at)
               when event.test_endpoint_id <> k.id then 'the event is a test, which another endpoint gets'
               when k.state = 'disabled' then
                 format('the endpoint has been disabled since %s%s', postrider_internal.shown_time(k.state_changed_at), coalesce(': ' || k.state_reason, ''))
               else postrider_internal.explain_match(event.event_type, event.payload, k.id)
             end as obstacle,
             (select format('%s by %s, %s', a.action, a.actor, postrider_internal.shown_time(a.at))
              from postrider.audit a
              where a.endpoint_id = k.id and a.event_id is null and a.at > event.created_at and a.action not in ('endpoint_failing', 'endpoint_recovered')
              order by a.at desc limit 1) as changed
      from known k
      full join status s on s.endpoint_id = k.id
      left join postrider.endpoint o on o.id = s.endpoint_id
    )
    select m.id, m.name::text, m.url, m.state::text,
           case when m.delivery_state is not null then m.detail when claimed then 'not matched' else 'not claimed' end,
           case
             when m.delivery_state = 'succeeded' then format('delivered %s, with attempt %s', postrider_internal.shown_time(m.finished_at), m.attempts)
             when m.delivery_state = 'exhausted' then
               format(case when m.reason is null then 'the retry schedule was used up %s, after %s; the last one: %s' else 'given up %s, after %s: %s' end,
                      postrider_internal.shown_time(m.finished_at), postrider_internal.counted(m.attempts, 'attempt'), coalesce(m.reason, m.last_error))
             when m.delivery_state = 'discarded' then
               format('discarded %s, after %s: %s', postrider_internal.shown_time(m.finished_at), postrider_internal.counted(m.attempts, 'attempt'), m.reason)
             when m.detail = 'cancelled' then 'cancelled while an attempt is in progress: no other attempt follows'
             when m.detail = 'in flight' then format('attempt %s is in progress', m.attempts + 1)
             when m.detail = 'paused' then format('waits because the endpoint has been paused since %s%s', postrider_internal.shown_time(m.state_changed_at), coalesce(': ' || m.state_reason, ''))
             when m.detail = 'unconsented' then postrider_internal.explain_handshake(m.id)
             when m.detail = 'keyless' then 'waits for the endpoint''s ed25519 key, which a daemon makes; if none was asked for, postrider.rotate_secret does'
             when m.detail in ('unfetched', 'unacknowledged') then postrider_internal.explain_pulled(m.detail, stop)
             when m.detail in ('retrying', 'scheduled', 'batching', 'limited', 'ordered', 'deferred', 'circuit open') and stop is not null then 'waits because ' || stop
             when m.detail = 'limited' then format('due, and waits until the endpoint''s %s allows another request', coalesce(postrider_internal.reached_limit(m.id), 'limit'))
             when m.detail = 'retrying' then
               format('%s failed, the last one: %s; the next one is due %s', postrider_internal.counted(m.attempts, 'attempt'), m.last_error, postrider_internal.shown_time(m.next_attempt_at))
             when m.detail = 'scheduled' then format('its first attempt is due %s', postrider_internal.shown_time(m.next_attempt_at))
             when m.detail = 'circuit open' then coalesce(postrider_internal.explain_circuit(m.id), 'due: its circuit has just closed')
             when m.detail in ('ordered', 'halted') then postrider_internal.explain_behind(m.detail, m.behind_event_id)
             when m.detail = 'batching' then 'waits for other events to share its request, for as long as the endpoint''s batch_delay_ms says'
             when m.detail = 'deferred' then case when daemons > 0 then 'due, and waits for a daemon to have room for it' else 'due, and no daemon is alive to send it' end
             when not claimed and stop is not null then 'no daemon has claimed the event yet, because ' || stop
             when not claimed and daemons = 0 then 'no daemon has claimed the event yet, and none is alive'
             when not claimed then 'no daemon has claimed the event yet: that follows the commit by milliseconds, or by the backlog before it'
             when m.obstacle is not null then m.obstacle
             when m.created_at > event.created_at then
               format('the endpoint was created %s, after the event: an event goes to the subscriptions that exist when it is claimed', postrider_internal.shown_time(m.created_at))
             else 'it matches now but did not when it was claimed: the endpoint or its subscriptions have changed since, or a row was deleted by hand'
           end || case when m.halts_key then '; it halts its ordering key: postrider.redeliver() sends it again, postrider.skip() passes over it' else '' end || coalesce('; batch ' || m.batch_id, '') || case when m.delivery_state is not null then postrider_internal.explain_size(m.id, event.id) else '' end || case
             when m.transformation is not null then '; transformation ' || m.transformation
             when m.delivery_state is null and claimed and m.changed is not null then format('; the last change since the event: %s (postrider.audit)', m.changed) else '' end,
           m.obstacle is null,
           coalesce(m.obstacle, case when m.state = 'paused' then 'would wait, for the endpoint is paused' when m.circuit_opened_at is not null then 'would wait, for the endpoint''s circuit is open' else 'would be sent' end
             || coalesce(postrider_internal.explain_order(m.id, event.id), '') || postrider_internal.explain_transformation(m.id, event.id) || postrider_internal.explain_size(m.id, event.id) || postrider_internal.explain_format(m.format, event.attributes))
    from met m
    order by m.delivery_state is null, m.id;
  if not found then
    lack := postrider_internal.explain_lack(event.tenant);
    return query
      select null::uuid, null::text, null::text, null::text, case when claimed then 'not matched' else 'not claimed' end,
             case when claimed then lack else format('no daemon has claimed the event yet, and %s', lack) end, false, lack;
  end if;
end
$$;
comment on function postrider.explain_event(uuid) is
  'Says for each endpoint of the event''s tenant what became of the event there, or why nothing did, and what would happen if it were inserted now. One row without an endpoint if the tenant has none. Use it to find out why an event did not arrive. It judges matches by the subscriptions as they are now, and names changes since then.';
