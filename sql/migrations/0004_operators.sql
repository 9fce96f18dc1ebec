-- What operators call and read: endpoints, subscriptions, redelivery, and the views.
-- locks: postrider.endpoint, postrider.endpoint_secret and postrider.subscription, exclusively and for a moment, for triggers
-- breaking: no

-- Editing by hand and by function have equal powers: what a change of state brings with it is in the triggers.

create function postrider.endpoint_changing() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  new.revision := old.revision + 1;
  new.updated_at := clock_timestamp();
  if new.state is distinct from old.state then
    new.state_changed_at := clock_timestamp();
    if new.state = 'active' then
      new.state_reason := null;
    end if;
  end if;
  return new;
end
$$;
comment on function postrider.endpoint_changing() is 'Keeps an endpoint''s revision and times.';

create trigger endpoint_changing before update on postrider.endpoint
  for each row execute function postrider.endpoint_changing();
comment on trigger endpoint_changing on postrider.endpoint is 'Keeps revision, updated_at and state_changed_at.';

create function postrider.endpoint_changed() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
-- Up to 10,000 pending deliveries are discarded here, so that whoever disables an endpoint sees it at once; daemons
-- discard the rest in small steps, since one statement over millions would hold its locks for minutes.
begin
  if tg_op = 'DELETE' then
    perform postrider.discard_deliveries(old.id, 'the endpoint was deleted', 10000);
  elsif new.state = 'disabled' then
    perform postrider.discard_deliveries(new.id, coalesce('the endpoint is disabled: ' || new.state_reason, 'the endpoint is disabled'), 10000);
  else
    perform postrider.notify_daemons();
  end if;
  return null;
end
$$;
comment on function postrider.endpoint_changed() is 'Discards what waits for an endpoint that was disabled or deleted; wakes the daemons for one that was resumed.';

create trigger endpoint_disabled after update of state on postrider.endpoint
  for each row when (new.state is distinct from old.state) execute function postrider.endpoint_changed();
comment on trigger endpoint_disabled on postrider.endpoint is 'Acts on a change of state.';
create trigger endpoint_deleted after delete on postrider.endpoint
  for each row execute function postrider.endpoint_changed();
comment on trigger endpoint_deleted on postrider.endpoint is 'Discards what waits for the endpoint.';

create function postrider.endpoint_secret_changed() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  -- the trigger on endpoint counts the revision up
  update postrider.endpoint set updated_at = clock_timestamp() where id in (new.endpoint_id, old.endpoint_id);
  return null;
end
$$;
comment on function postrider.endpoint_secret_changed() is 'Counts up the endpoint''s revision, so that daemons load the secrets anew.';
create trigger endpoint_secret_changed after insert or update or delete on postrider.endpoint_secret
  for each row execute function postrider.endpoint_secret_changed();
comment on trigger endpoint_secret_changed on postrider.endpoint_secret is 'Counts up the endpoint''s revision.';

create function postrider.subscription_changing() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  select e.tenant into new.tenant from postrider.endpoint e where e.id = new.endpoint_id;
  if not found then
    raise exception 'there is no endpoint %', coalesce(new.endpoint_id::text, 'null')
      using errcode = 'foreign_key_violation', hint = 'select id, url from postrider.endpoint lists them.';
  end if;
  if new.filter is not null then
    begin
      perform jsonb_path_match('{}', new.filter);
    exception when data_exception then -- no single item, or, in strict mode, no such member
      raise exception 'the filter % is no predicate', new.filter
        using errcode = 'invalid_parameter_value',
          detail = 'It selects something from the payload; a filter says whether the payload matches.',
          hint = 'Compare: $.amount > 100, $.status == "paid", exists($.refund).';
    end;
  end if;
  return new;
end
$$;
comment on function postrider.subscription_changing() is 'Fills in the tenant, and refuses an endpoint that does not exist and a filter that is no predicate.';
create trigger subscription_changing before insert or update on postrider.subscription
  for each row execute function postrider.subscription_changing();
comment on trigger subscription_changing on postrider.subscription is 'Fills in the tenant, and refuses an endpoint that does not exist and a filter that is no predicate.';

-- Functions -------------------------------------------------------------------------------------------------------

create function postrider.note_action(action text, endpoint_id uuid, event_id uuid, detail jsonb) returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  insert into postrider.audit (action, endpoint_id, event_id, detail)
  values (note_action.action, note_action.endpoint_id, note_action.event_id, coalesce(note_action.detail, '{}'));
end;
comment on function postrider.note_action(text, uuid, uuid, jsonb) is 'Adds a row to the audit, for an action that changes no endpoint, subscription or secret.';

create function postrider.begin_action(action text, endpoint_id uuid, detail jsonb) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  audit_id uuid;
begin
  insert into postrider.audit (action, endpoint_id, detail)
  values (begin_action.action, begin_action.endpoint_id, coalesce(begin_action.detail, '{}'))
  returning id into audit_id;
  perform set_config('postrider.audit_id', audit_id::text, true);
end
$$;
comment on function postrider.begin_action(text, uuid, jsonb) is
  'Adds a row to the audit, to which everything that is changed until end_action adds what was before and after.';

create function postrider.end_action() returns void
language sql volatile
set search_path = pg_catalog, pg_temp
begin atomic
  select set_config('postrider.audit_id', '', true);
end;
comment on function postrider.end_action() is 'From now on a change has a row in the audit of its own again.';

create function postrider.new_secret() returns text
language sql volatile
set search_path = pg_catalog, pg_temp
-- 32 bytes out of three random UUIDs: 366 random bits, and no extension
return 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64');
comment on function postrider.new_secret() is 'A secret such as Standard Webhooks has them, of 32 random bytes.';

create function postrider.parse_filter(filter text) returns jsonpath
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
  return filter::jsonpath;
exception when syntax_error or data_exception then
  raise exception 'the filter % is no SQL/JSON path', quote_literal(filter)
    using errcode = 'invalid_parameter_value', detail = sqlerrm,
      hint = 'A filter is a predicate over the payload, such as $.amount > 100 or $.status == "paid".';
end
$$;
comment on function postrider.parse_filter(text) is 'Reads a filter, or says what is wrong with it.';

create function postrider.require_endpoint(endpoint_id uuid) returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (select from postrider.endpoint e where e.id = require_endpoint.endpoint_id) then
    raise exception 'there is no endpoint %', coalesce(endpoint_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, url from postrider.endpoint lists them.';
  end if;
end
$$;
comment on function postrider.require_endpoint(uuid) is 'Raises an error where there is no such endpoint.';

create function postrider.lock_endpoint(endpoint_id uuid) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  endpoint_state text;
begin
  select e.state into endpoint_state from postrider.endpoint e where e.id = lock_endpoint.endpoint_id for no key update;
  if not found then
    perform postrider.require_endpoint(lock_endpoint.endpoint_id);
  end if;
  return endpoint_state;
end
$$;
comment on function postrider.lock_endpoint(uuid) is
  'The state of an endpoint, which nobody else changes until this transaction has ended: what follows from it is right. An operator''s actions take this lock first, then that on secrets, subscriptions or deliveries.';

create function postrider.create_endpoint(
  url text, event_types text[] default '{*}', tenant text default '', options jsonb default '{}',
  out endpoint_id uuid, out secret text
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  known constant text[] := '{format,timeout_ms,retry_schedule,headers,disable_after}';
  given_tenant constant text := coalesce(tenant, '');
  unknown text;
  read_option text;
  timeout_ms integer;
  retry_schedule interval[];
  disable_after interval;
begin
  if jsonb_typeof(options) is distinct from 'object' then
    raise exception 'options is no JSON object'
      using errcode = 'invalid_parameter_value', hint = format('Give an object with any of: %s.', array_to_string(known, ', '));
  end if;
  select k into unknown from jsonb_object_keys(options) k where k <> all (known) limit 1;
  if found then
    raise exception 'there is no endpoint option %', quote_literal(unknown)
      using errcode = 'invalid_parameter_value', hint = format('The options are: %s.', array_to_string(known, ', '));
  end if;
  if event_types is null or array_position(event_types, null) is not null then
    raise exception 'event_types is null or holds a null'
      using errcode = 'null_value_not_allowed', hint = 'Give the types the endpoint is to get, such as array[''order.*'']; an empty array for none yet.';
  end if;

  begin
    read_option := 'timeout_ms';
    timeout_ms := coalesce((options ->> 'timeout_ms')::integer, 15000);
    read_option := 'retry_schedule';
    retry_schedule := case when options ? 'retry_schedule'
      then array(select s.step::interval from jsonb_array_elements_text(options -> 'retry_schedule') with ordinality s (step, n) order by s.n)
      else '{5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h}' end;
    read_option := 'disable_after';
    -- null is never
    disable_after := case when options ? 'disable_after' then (options ->> 'disable_after')::interval else '5 days' end;
  exception when data_exception then
    raise exception 'the option % cannot be %', read_option, options -> read_option
      using errcode = 'invalid_parameter_value', detail = sqlerrm,
        hint = case read_option
          when 'timeout_ms' then 'Give a whole number of milliseconds, such as 15000.'
          when 'retry_schedule' then 'Give a list of intervals, such as ["5 s", "5 min", "2 h"]; an empty one for no retries.'
          else 'Give an interval, such as "5 days"; null for never.' end;
  end;

  endpoint_id := postrider.uuid_v7();
  perform postrider.begin_action('create_endpoint', endpoint_id,
    jsonb_build_object('url', postrider.url_without_secrets(url), 'event_types', event_types, 'tenant', given_tenant, 'options', options - 'headers'));
  insert into postrider.endpoint as e (id, tenant, url, format, timeout_ms, retry_schedule, headers, disable_after)
  values (endpoint_id, given_tenant, url, coalesce(options ->> 'format', 'standard'), timeout_ms, retry_schedule,
          coalesce(options -> 'headers', '{}'), disable_after);
  secret := postrider.new_secret();
  insert into postrider.endpoint_secret (endpoint_id, secret) values (endpoint_id, secret);
  insert into postrider.subscription (endpoint_id, event_type)
  select endpoint_id, t.event_type from unnest(event_types) t (event_type);
  perform postrider.end_action();
end
$$;
comment on function postrider.create_endpoint(text, text[], text, jsonb) is
  'Makes an endpoint with one subscription for each of the event types. Returns its id and the secret that the receiver verifies with. Options: format, timeout_ms, retry_schedule, headers, disable_after.';

create function postrider.subscribe(endpoint_id uuid, event_type text, filter text default null) returns uuid
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  subscription_id constant uuid := postrider.uuid_v7();
begin
  perform postrider.lock_endpoint(endpoint_id);
  perform postrider.begin_action('subscribe', endpoint_id,
    jsonb_build_object('subscription_id', subscription_id, 'event_type', event_type, 'filter', filter));
  insert into postrider.subscription as s (id, endpoint_id, event_type, filter)
  values (subscription_id, endpoint_id, event_type, postrider.parse_filter(filter));
  perform postrider.end_action();
  return subscription_id;
end
$$;
comment on function postrider.subscribe(uuid, text, text) is
  'Subscribes an endpoint to an event type (exact, a prefix such as order.*, or *), with a filter or without. Returns the subscription''s id.';

create function postrider.unsubscribe(subscription_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  old_rule record;
begin
  perform from postrider.endpoint e
  where e.id = (select s.endpoint_id from postrider.subscription s where s.id = subscription_id)
  for no key update;
  select s.endpoint_id, s.event_type, s.filter into old_rule from postrider.subscription s where s.id = subscription_id for update;
  if not found then
    raise exception 'there is no subscription %', coalesce(subscription_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select id, endpoint_id, event_type from postrider.subscription lists them.';
  end if;
  perform postrider.begin_action('unsubscribe', old_rule.endpoint_id,
    jsonb_build_object('subscription_id', subscription_id, 'event_type', old_rule.event_type, 'filter', old_rule.filter::text));
  delete from postrider.subscription s where s.id = subscription_id;
  perform postrider.end_action();
end
$$;
comment on function postrider.unsubscribe(uuid) is 'Takes a subscription away. Deliveries that exist already go on.';

create function postrider.set_endpoint_state(endpoint_id uuid, state text, reason text, action text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  perform postrider.lock_endpoint(endpoint_id);
  perform postrider.begin_action(action, endpoint_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
  update postrider.endpoint e set state = state, state_reason = reason
  where e.id = endpoint_id and (e.state, e.state_reason) is distinct from (state, reason);
  perform postrider.end_action();
end
$$;
comment on function postrider.set_endpoint_state(uuid, text, text, text) is 'Changes an endpoint''s state and notes who did it.';

create function postrider.pause_endpoint(id uuid, reason text default null) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if postrider.lock_endpoint(id) = 'disabled' then
    raise exception 'endpoint % is disabled', id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(id).';
  end if;
  perform postrider.set_endpoint_state(id, 'paused', reason, 'pause_endpoint');
end
$$;
comment on function postrider.pause_endpoint(uuid, text) is 'Pauses an endpoint: its events are routed and wait, nothing is lost.';

create function postrider.resume_endpoint(id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
begin
  if postrider.lock_endpoint(id) = 'disabled' then
    raise exception 'endpoint % is disabled', id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it: select postrider.enable_endpoint(id).';
  end if;
  perform postrider.set_endpoint_state(id, 'active', null, 'resume_endpoint');
end
$$;
comment on function postrider.resume_endpoint(uuid) is 'Lets a paused endpoint go on with what waits for it.';

create function postrider.disable_endpoint(id uuid, reason text default null) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider.set_endpoint_state(disable_endpoint.id, 'disabled', disable_endpoint.reason, 'disable_endpoint');
end
$$;
comment on function postrider.disable_endpoint(uuid, text) is 'Disables an endpoint: it gets no new deliveries, and pending ones are discarded.';

create function postrider.enable_endpoint(id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  perform postrider.set_endpoint_state(enable_endpoint.id, 'active', null, 'enable_endpoint');
end
$$;
comment on function postrider.enable_endpoint(uuid) is 'Enables a disabled endpoint: it gets the events from now on.';

create function postrider.redeliver(event_id uuid, endpoint_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  endpoint_state text;
  leased boolean;
begin
  perform postrider.require_endpoint(endpoint_id);
  select e.state into endpoint_state from postrider.endpoint e where e.id = endpoint_id;
  if endpoint_state = 'disabled' then
    raise exception 'endpoint % is disabled', endpoint_id
      using errcode = 'object_not_in_prerequisite_state', hint = 'Enable it first: select postrider.enable_endpoint(endpoint_id).';
  end if;
  if not exists (select from postrider.outbox o where o.id = event_id) then
    raise exception 'there is no event %', coalesce(event_id::text, 'null')
      using errcode = 'no_data_found', hint = 'It may be past its retention.';
  end if;
  update postrider.delivery d
  set state = 'pending', next_attempt_at = now(), finished_at = null, reason = null, attempts_before = d.attempts,
      leased_by = null, lease_expires_at = null,
      -- one that a replay has finished with is no longer the replay's
      replay_id = case when d.state = 'pending' then d.replay_id end,
      state_before = case when d.state = 'pending' then d.state_before end
  where d.event_id = event_id and d.endpoint_id = endpoint_id
    and (d.lease_expires_at is null or d.lease_expires_at <= now());
  if not found then
    if exists (select from postrider.in_flight f where f.event_id = event_id and f.endpoint_id = endpoint_id) then
      raise exception 'the delivery of event % to endpoint % is in flight', event_id, endpoint_id
        using errcode = 'object_in_use', hint = 'Wait for its end: it is in postrider.in_flight.';
    end if;
    raise exception 'there is no delivery of event % to endpoint %', event_id, endpoint_id
      using errcode = 'no_data_found', hint = 'postrider.explain_event(event_id) says why: it did not match, or has not been claimed yet.';
  end if;
  -- a cancel from before, whose daemon has died since
  delete from postrider.cancellation c where c.event_id = event_id and c.endpoint_id = endpoint_id;
  perform postrider.note_action('redeliver', endpoint_id, event_id, null);
  perform postrider.notify_daemons();
end
$$;
comment on function postrider.redeliver(uuid, uuid) is
  'Makes one further attempt of a delivery, now, whatever became of it. Numbering goes on; a failure follows the retry schedule from its beginning.';

-- Views -----------------------------------------------------------------------------------------------------------

create view postrider.in_flight as
  select p.event_id, p.endpoint_id, 1 as attempt_number, c.daemon_id, c.claimed_at as since, null::timestamptz as lease_expires_at
  from postrider.claim c
  cross join lateral unnest(c.event_ids, c.endpoint_ids) p (event_id, endpoint_id)
  where not exists (
    select from postrider.delivery d where d.event_id = p.event_id and d.endpoint_id = p.endpoint_id
    offset 0) -- one probe a pair: as a join it would be hashed, and every delivery there is read for that
  union all
  select d.event_id, d.endpoint_id, d.attempts + 1, d.leased_by, null, d.lease_expires_at
  from postrider.delivery d
  where d.lease_expires_at > now() and d.lease_expires_at is not null;
comment on view postrider.in_flight is 'Deliveries that a daemon has in hand: first attempts from its memory, and leased ones.';
comment on column postrider.in_flight.event_id is 'The event.';
comment on column postrider.in_flight.endpoint_id is 'The endpoint.';
comment on column postrider.in_flight.attempt_number is 'Which attempt it is.';
comment on column postrider.in_flight.daemon_id is 'The daemon that has it in hand.';
comment on column postrider.in_flight.since is 'When it was claimed; null for a leased delivery.';
comment on column postrider.in_flight.lease_expires_at is 'Until when it is leased; null for a first attempt, which is held as long as its daemon beats.';

create view postrider.delivery_status as
  select d.event_id, d.endpoint_id,
         (select o.event_type from postrider.outbox o where o.id = d.event_id) as event_type,
         (select o.tenant from postrider.outbox o where o.id = d.event_id) as tenant,
         d.state,
         case
           when d.state <> 'pending' then d.state
           when exists (select from postrider.cancellation c where c.event_id = d.event_id and c.endpoint_id = d.endpoint_id)
             then 'cancelled'
           when d.lease_expires_at > now() then 'in flight'
           when (select e.state from postrider.endpoint e where e.id = d.endpoint_id) = 'paused' then 'paused'
           when d.attempts > d.attempts_before then 'retrying'
           when d.next_attempt_at > now() then 'scheduled'
           else 'deferred'
         end as detail,
         case when d.state = 'discarded' then d.reason end as reason,
         d.attempts,
         (select a.http_status from postrider.attempt a
          where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id
          order by a.attempt_number desc, a.started_at desc limit 1)::integer as last_http_status,
         (select a.error from postrider.attempt a
          where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id
          order by a.attempt_number desc, a.started_at desc limit 1) as last_error,
         d.next_attempt_at,
         d.created_at,
         d.finished_at
  from postrider.delivery d
  union all
  select f.event_id, f.endpoint_id,
         (select o.event_type from postrider.outbox o where o.id = f.event_id),
         (select o.tenant from postrider.outbox o where o.id = f.event_id),
         'pending',
         case when exists (select from postrider.cancellation c where c.event_id = f.event_id and c.endpoint_id = f.endpoint_id)
              then 'cancelled' else 'in flight' end,
         null, 0, null, null, null, f.since, null
  from postrider.in_flight f
  where f.lease_expires_at is null;
comment on view postrider.delivery_status is 'Every delivery with what became of it, also those whose first attempt is under way. Cheap for one event; for many, say since when: where event_id >= postrider.uuid_v7_floor(now() - interval ''1 hour'').';
comment on column postrider.delivery_status.event_id is 'The event.';
comment on column postrider.delivery_status.endpoint_id is 'The endpoint.';
comment on column postrider.delivery_status.event_type is 'The event''s type.';
comment on column postrider.delivery_status.tenant is 'The event''s tenant.';
comment on column postrider.delivery_status.state is 'pending, succeeded, exhausted or discarded.';
comment on column postrider.delivery_status.detail is 'The state, and for a pending delivery what it waits for: in flight, paused, retrying, scheduled, deferred; cancelled: its last attempt is under way.';
comment on column postrider.delivery_status.reason is 'Why it was discarded.';
comment on column postrider.delivery_status.attempts is 'Attempts recorded so far.';
comment on column postrider.delivery_status.last_http_status is 'The status that the last attempt got; null where none came back.';
comment on column postrider.delivery_status.last_error is 'What was wrong with the last attempt; null if nothing was.';
comment on column postrider.delivery_status.next_attempt_at is 'When the next attempt is due; while one is under way, when its lease ends.';
comment on column postrider.delivery_status.created_at is 'When the delivery came about.';
comment on column postrider.delivery_status.finished_at is 'When it succeeded, was exhausted or was discarded.';

create function postrider.count_waiting(counted_max integer)
returns table (endpoint_id uuid, pending bigint, due bigint, is_exact boolean, oldest_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Reads what waits in the order of delivery_due, a part at a time, and jumps over the rest of an endpoint that has more
-- than is counted: one with millions costs as much as one with counted_max, and many with a few cost their rows alone.
-- A row is read twice at most: the last endpoint of a part that was cut off in it begins the next part. After ten such
-- endpoints a hundredth is counted of each further one, so that a thousand of them are no trouble either.
declare
  share integer := counted_max;
  counted bigint := 0;
  place uuid := '00000000-0000-0000-0000-000000000000';
  endpoint_ids uuid[];
  pending_counts bigint[];
  due_counts bigint[];
  oldest_ids text[];
  whole_count integer;
begin
  loop
    with part as (
      select d.endpoint_id, d.next_attempt_at, d.event_id
      from postrider.delivery d
      where d.state = 'pending' and d.endpoint_id > place
      order by d.endpoint_id, d.next_attempt_at
      limit share + 1
    ), waiting as (
      select p.endpoint_id, count(*) as pending, count(*) filter (where p.next_attempt_at <= now()) as due,
             -- as text: there is no min(uuid) before PostgreSQL 18
             min(p.event_id::text collate "C") filter (where substring(p.event_id::text from 15 for 1) = '7') as oldest_id
      from part p
      group by p.endpoint_id
    )
    select array_agg(w.endpoint_id order by w.endpoint_id), array_agg(w.pending order by w.endpoint_id),
           array_agg(w.due order by w.endpoint_id), array_agg(w.oldest_id order by w.endpoint_id),
           count(*) - case when sum(w.pending) > share then 1 else 0 end, counted + coalesce(sum(w.pending), 0)
    into endpoint_ids, pending_counts, due_counts, oldest_ids, whole_count, counted
    from waiting w;

    return query
      select w.endpoint_id, w.pending, w.due, true, postrider.uuid_v7_time(w.oldest_id::uuid)
      from unnest(endpoint_ids[1:whole_count], pending_counts, due_counts, oldest_ids) w (endpoint_id, pending, due, oldest_id)
      where w.endpoint_id is not null;
    exit when endpoint_ids is null or whole_count = cardinality(endpoint_ids);

    if whole_count = 0 then
      return query
        select endpoint_ids[1], share::bigint, least(due_counts[1], share), false, (
          select postrider.uuid_v7_time(d.event_id)
          from postrider.delivery d
          where d.finished_at is null and d.endpoint_id = endpoint_ids[1] and substring(d.event_id::text from 15 for 1) = '7'
          order by d.event_id
          limit 1);
      whole_count := 1;
    end if;
    place := endpoint_ids[whole_count];
    if counted > 10 * counted_max then
      share := greatest(1, counted_max / 100);
    end if;
  end loop;
end
$$;
comment on function postrider.count_waiting(integer) is
  'Pending deliveries by endpoint, so many of each counted at most, and a hundredth of that once ten times as many have been counted; is_exact is false where there are more.';

create function postrider.count_unclaimed(counted_max integer)
returns table (unclaimed bigint, is_exact boolean, oldest_at timestamptz)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- The ranges that postrider.claim_events will read, and in about its order, as far as this snapshot sees them.
declare
  cursor_row record;
  ended xid8[];
begin
  select c.base, c.target, coalesce(c.after_xid, '0') as after_xid, coalesce(c.after_seq, 0) as after_seq into cursor_row
  from postrider.claim c
  order by c.id desc
  limit 1;
  ended := array(
    -- transactions open in base that have ended, but for those that the page has passed already
    select x from pg_snapshot_xip(cursor_row.base) x
    where pg_visible_in_snapshot(x, pg_current_snapshot())
      and (cursor_row.target is null or not pg_visible_in_snapshot(x, cursor_row.target) or x >= cursor_row.after_xid)
    union all
    -- those that the page has passed over, being open in its target
    select x from pg_snapshot_xip(cursor_row.target) x
    where pg_visible_in_snapshot(x, pg_current_snapshot())
      and x >= pg_snapshot_xmax(cursor_row.base) and x <= cursor_row.after_xid);
  return query
    with waiting as (
      (select o.created_at
       from unnest(ended) straggler (xid)
       cross join lateral (
         select i.created_at
         from postrider.outbox i
         where i.xid = straggler.xid
           and i.seq > case when straggler.xid = cursor_row.after_xid then cursor_row.after_seq else 0 end
         order by i.xid, i.seq
         limit counted_max + 1) o)
      union all
      -- the rest of the transaction at which the page stopped
      (select i.created_at
       from postrider.outbox i
       where i.xid = cursor_row.after_xid and i.seq > cursor_row.after_seq and not cursor_row.after_xid = any (ended)
       order by i.xid, i.seq
       limit counted_max + 1)
      union all
      -- everything behind it
      (select i.created_at
       from postrider.outbox i
       where i.xid >= pg_snapshot_xmax(cursor_row.base) and i.xid > cursor_row.after_xid
       order by i.xid, i.seq
       limit counted_max + 1)
      limit counted_max + 1
    )
    select least(count(*), counted_max), count(*) <= counted_max, min(w.created_at)
    from waiting w;
end
$$;
comment on function postrider.count_unclaimed(integer) is
  'Events that no daemon has claimed, so many counted at most; is_exact is false where there are more, and oldest_at is then of those that are claimed next.';

create view postrider.backlog as
  select w.endpoint_id, e.tenant, e.shown_url as url, coalesce(e.state, 'deleted') as endpoint_state,
         w.pending, w.due, w.oldest_at, now() - w.oldest_at as oldest_age, w.is_exact
  from postrider.count_waiting(10000) w
  left join postrider.endpoint e on e.id = w.endpoint_id
  union all
  select null, null, null, null, u.unclaimed, u.unclaimed, u.oldest_at, now() - u.oldest_at, u.is_exact
  from postrider.count_unclaimed(10000) u
  where u.unclaimed > 0;
comment on view postrider.backlog is 'What waits, by endpoint; the row without an endpoint counts events that no daemon has claimed yet. Counts up to 10,000 of each (100 of each once it has counted 100,000) and says where there are more, so that it is cheap however much waits.';
comment on column postrider.backlog.endpoint_id is 'The endpoint; null for events that have not been claimed.';
comment on column postrider.backlog.tenant is 'The endpoint''s tenant.';
comment on column postrider.backlog.url is 'The endpoint''s URL, without user, password and query.';
comment on column postrider.backlog.endpoint_state is 'active, paused, disabled or deleted.';
comment on column postrider.backlog.pending is 'Deliveries that wait or are leased; for unclaimed events, their number. At least so many where is_exact is false.';
comment on column postrider.backlog.due is 'Those whose time has come. At least so many where it is as large as an inexact pending.';
comment on column postrider.backlog.oldest_at is 'When the oldest of their events was inserted, however many there are; for more unclaimed events than are counted, the oldest of those that are claimed next.';
comment on column postrider.backlog.oldest_age is 'How long ago that was.';
comment on column postrider.backlog.is_exact is 'False where there are more than were counted.';

create view postrider.daemon_status as
  select d.id, d.host, d.pid, d.version,
         case when d.lease_expires_at <= now() then 'lost'
              -- one beat has been missed: they come at a quarter of the lease
              when d.beat_at + (d.lease_expires_at - d.beat_at) / 2 < now() then 'late'
              else 'live' end as state,
         d.condition, d.condition_since, d.condition_reason,
         d.started_at, d.beat_at, d.lease_expires_at, d.in_flight, d.waiting,
         (select count(*) from postrider.claim c where c.daemon_id = d.id and cardinality(c.event_ids) > 0) as claims
  from postrider.daemon d;
comment on view postrider.daemon_status is 'The daemons: whether each is heard of, and what keeps it from its work.';
comment on column postrider.daemon_status.id is 'The daemon.';
comment on column postrider.daemon_status.host is 'Where it runs.';
comment on column postrider.daemon_status.pid is 'Its process id there.';
comment on column postrider.daemon_status.version is 'Version of the program.';
comment on column postrider.daemon_status.state is
  'live; late: its beat is overdue, since it is frozen, gone, cut off, or Postgres takes no writes from it; lost: its lease has run out, and others take over its claims. A daemon that comes back from that goes on under a new id.';
comment on column postrider.daemon_status.condition is
  'What it said of itself at its last beat: well, not_recording, not_claiming, not_sending or blind; postrider.daemon says what they mean.';
comment on column postrider.daemon_status.condition_since is 'Since when it is not well; null when it is.';
comment on column postrider.daemon_status.condition_reason is 'What keeps it from its work; null when it is well.';
comment on column postrider.daemon_status.started_at is 'When it started.';
comment on column postrider.daemon_status.beat_at is 'When it was heard of last.';
comment on column postrider.daemon_status.lease_expires_at is 'From when on its claims are taken over.';
comment on column postrider.daemon_status.in_flight is 'Requests under way at its last beat.';
comment on column postrider.daemon_status.waiting is 'First attempts waiting in its memory at its last beat.';
comment on column postrider.daemon_status.claims is 'Claims it has in hand.';
