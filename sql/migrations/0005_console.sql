-- The operator's console: cancel, rotate_secret, explain_event, endpoint_health, and an audit of every edit.
-- locks: postrider.endpoint, postrider.endpoint_secret and postrider.subscription, exclusively and for a moment, for triggers
-- breaking: no
--
-- Order of locks, for everything that an operator does by one function or one statement: an endpoint's row, then those of
-- its secrets, subscriptions and deliveries. A daemon holds deliveries first, and therefore waits for none of an operator's
-- locks: what it finds locked it leaves for later. The one thing that cannot keep the order is an edit of endpoint_secret
-- by hand, which has the secret's row before its trigger counts up the endpoint's revision: it tries for the endpoint, and
-- gives up with an error rather than wait, so that it is never part of a circle.

-- Audit -----------------------------------------------------------------------------------------------------------
--
-- The triggers are the only writers of before and after. A function opens a row (begin_action) and names it in
-- postrider.audit_id; the triggers add to that row what they see. Whoever sets postrider.audit_id by hand gains nothing:
-- only a row of the same transaction is added to, and what is not added to a row has one of its own.

create function postrider.masked_headers(headers jsonb, earlier jsonb default null) returns jsonb
language sql immutable parallel safe
set search_path = pg_catalog, pg_temp
return (
  select coalesce(jsonb_object_agg(h.name,
           case when earlier is null or earlier -> h.name = h.value then 'hidden' else 'hidden, changed' end), '{}')
  from jsonb_each(case when jsonb_typeof(headers) = 'object' then headers else '{}' end) h (name, value));
comment on function postrider.masked_headers(jsonb, jsonb) is 'Request headers without their values, and which of them are not as they were earlier.';

create function postrider.note_change(
  action text, endpoint_id uuid, list_name text, before jsonb, after jsonb
) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  audit_id constant text := current_setting('postrider.audit_id', true);
  old_part constant jsonb := case when list_name is null then before else jsonb_build_object(list_name, jsonb_build_array(before)) end;
  new_part constant jsonb := case when list_name is null then after else jsonb_build_object(list_name, jsonb_build_array(after)) end;
begin
  if audit_id <> '' then
    update postrider.audit a
    set before = case when note_change.before is null then a.before
                      else coalesce(a.before, '{}') || case when list_name is null then old_part
                        else jsonb_build_object(list_name, coalesce(a.before -> list_name, '[]') || (old_part -> list_name)) end end,
        after = case when note_change.after is null then a.after
                     else coalesce(a.after, '{}') || case when list_name is null then new_part
                       else jsonb_build_object(list_name, coalesce(a.after -> list_name, '[]') || (new_part -> list_name)) end end
    where a.id::text = audit_id and a.transaction_id = pg_current_xact_id() and a.endpoint_id is not distinct from note_change.endpoint_id;
    if found then
      return;
    end if;
  end if;
  insert into postrider.audit (action, endpoint_id, before, after)
  values (action, endpoint_id, case when note_change.before is not null then old_part end,
          case when note_change.after is not null then new_part end);
end
$$;
comment on function postrider.note_change(text, uuid, text, jsonb, jsonb) is
  'Writes what was before and after into the audit: to the row of the function that is at work, or to one of its own. list_name: the list that it is an element of.';

create function postrider.endpoint_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- what triggers fill in is no news
  ours constant text[] := '{revision,updated_at,state_changed_at,shown_url}';
  old_row jsonb;
  new_row jsonb;
begin
  if tg_op <> 'INSERT' then
    old_row := (to_jsonb(old) - ours) || jsonb_build_object('headers', old.headers);
  end if;
  if tg_op <> 'DELETE' then
    new_row := (to_jsonb(new) - ours) || jsonb_build_object('headers', new.headers);
  end if;
  if tg_op = 'UPDATE' then
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, new_row -> o.key) into old_row, new_row
    from jsonb_each(old_row) o (key, value)
    where o.value is distinct from new_row -> o.key;
    if old_row is null then
      return null;
    end if;
  end if;
  if old_row ? 'headers' then
    old_row := jsonb_set(old_row, '{headers}', postrider.masked_headers(old_row -> 'headers'));
  end if;
  if new_row ? 'headers' then
    new_row := jsonb_set(new_row, '{headers}',
      postrider.masked_headers(new.headers, case when tg_op = 'UPDATE' then old.headers end));
  end if;
  if tg_op = 'DELETE' then
    old_row := old_row || jsonb_build_object('subscriptions', (
      select coalesce(jsonb_agg(to_jsonb(s) - '{endpoint_id,tenant}'::text[] order by s.id), '[]')
      from postrider.subscription s
      where s.endpoint_id = old.id));
  end if;
  if old_row ? 'url' then
    old_row := jsonb_set(old_row, '{url}', to_jsonb(old.shown_url || case when old.url <> old.shown_url then '?...' else '' end));
  end if;
  if new_row ? 'url' then
    new_row := jsonb_set(new_row, '{url}', to_jsonb(new.shown_url || case when new.url <> new.shown_url then '?...' else '' end));
  end if;
  perform postrider.note_change(
    lower(tg_op) || ' endpoint', case when tg_op = 'DELETE' then old.id else new.id end, null, old_row, new_row);
  return case when tg_op = 'DELETE' then old end;
end
$$;
comment on function postrider.endpoint_audit() is 'Notes an edit of an endpoint in the audit; one that changes nothing leaves no row.';
create trigger endpoint_audit after insert or update on postrider.endpoint
  for each row execute function postrider.endpoint_audit();
comment on trigger endpoint_audit on postrider.endpoint is 'Notes the edit in the audit.';
-- before, for its subscriptions go with it
create trigger endpoint_audit_delete before delete on postrider.endpoint
  for each row execute function postrider.endpoint_audit();
comment on trigger endpoint_audit_delete on postrider.endpoint is 'Notes in the audit what was deleted, its subscriptions included.';

create function postrider.rule_audit() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  -- not the secret, and the tenant is the endpoint's
  hidden constant text[] := '{endpoint_id,tenant,secret}';
  old_row constant jsonb := case when tg_op <> 'INSERT' then to_jsonb(old) - hidden end;
  new_row constant jsonb := case when tg_op <> 'DELETE' then to_jsonb(new) - hidden end;
  endpoint_ids constant uuid[] := case tg_op when 'INSERT' then array[new.endpoint_id] when 'DELETE' then array[old.endpoint_id]
    else array[old.endpoint_id, new.endpoint_id] end;
  list_name constant text := case tg_table_name when 'subscription' then 'subscriptions' else 'secrets' end;
  secret_changed boolean := false;
begin
  if tg_op = 'UPDATE' and tg_table_name = 'endpoint_secret' then
    secret_changed := to_jsonb(old) -> 'secret' is distinct from to_jsonb(new) -> 'secret';
  end if;
  if tg_op = 'UPDATE' and old_row = new_row and old.endpoint_id = new.endpoint_id and not secret_changed
    -- what goes with its endpoint is noted there
    or tg_op = 'DELETE' and not exists (select from postrider.endpoint e where e.id = old.endpoint_id)
  then
    return null;
  end if;
  perform postrider.note_change(
    format('%s %s', lower(tg_op), tg_table_name), endpoint_ids[cardinality(endpoint_ids)], list_name,
    case when endpoint_ids[1] <> endpoint_ids[cardinality(endpoint_ids)]
      then old_row || jsonb_build_object('endpoint_id', endpoint_ids[1]) else old_row end,
    case when secret_changed then new_row || '{"secret": "hidden, changed"}' else new_row end);
  return null;
end
$$;
comment on function postrider.rule_audit() is 'Notes an edit of a subscription or a secret in the audit, without the secret.';
create trigger subscription_audit after insert or update or delete on postrider.subscription
  for each row execute function postrider.rule_audit();
comment on trigger subscription_audit on postrider.subscription is 'Notes the edit in the audit.';
create trigger endpoint_secret_audit after insert or update or delete on postrider.endpoint_secret
  for each row execute function postrider.rule_audit();
comment on trigger endpoint_secret_audit on postrider.endpoint_secret is 'Notes the edit in the audit, without the secret.';

create function postrider.refuse_truncate() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception 'cannot truncate postrider.%', tg_table_name
    using errcode = 'feature_not_supported',
      detail = 'It would leave no row in the audit, and deliveries that wait for nobody.',
      hint = format('delete from postrider.%I', tg_table_name);
end
$$;
comment on function postrider.refuse_truncate() is 'Refuses to truncate what operators edit: no trigger for rows fires for that.';
create trigger endpoint_truncate before truncate on postrider.endpoint
  for each statement execute function postrider.refuse_truncate();
comment on trigger endpoint_truncate on postrider.endpoint is 'Refuses truncate, which the audit would not see.';
create trigger subscription_truncate before truncate on postrider.subscription
  for each statement execute function postrider.refuse_truncate();
comment on trigger subscription_truncate on postrider.subscription is 'Refuses truncate, which the audit would not see.';
create trigger endpoint_secret_truncate before truncate on postrider.endpoint_secret
  for each statement execute function postrider.refuse_truncate();
comment on trigger endpoint_secret_truncate on postrider.endpoint_secret is 'Refuses truncate, which the audit would not see.';

-- Bad values ------------------------------------------------------------------------------------------------------

create function postrider.endpoint_judging() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
-- Where Postgres refuses a row by a check, the error shows the whole row, and the server's log keeps it: the values of the
-- headers, the query of the URL. So all of them are asked here first; a test holds
-- the two together. As a query over pg_constraint it took 1.6 ms an endpoint.
declare
  problem constant text := postrider.header_problem(new.headers);
  broken_check text;
  missing_column text;
begin
  if problem is not null then
    raise exception '%', problem
      using errcode = 'check_violation', constraint = 'headers are names and texts that HTTP allows',
        schema = 'postrider', table = 'endpoint', column = 'headers',
        hint = 'headers is an object of names and texts, such as {"authorization": "Bearer ..."}.';
  end if;
  if new.url ~* '^https?://[^/?#]*@' then
    raise exception 'the url has a user or a password in it'
      using errcode = 'check_violation', constraint = 'url has no user and no password',
        schema = 'postrider', table = 'endpoint', column = 'url',
        hint = 'Everybody who may look at an endpoint would see it. Put it into headers, as authorization.';
  end if;
  missing_column := case
    when new.id is null then 'id' when new.tenant is null then 'tenant' when new.url is null then 'url'
    when new.format is null then 'format' when new.timeout_ms is null then 'timeout_ms'
    when new.retry_schedule is null then 'retry_schedule' when new.headers is null then 'headers'
    when new.state is null then 'state' when new.state_changed_at is null then 'state_changed_at'
    when new.revision is null then 'revision' when new.created_at is null then 'created_at'
    when new.updated_at is null then 'updated_at' end;
  broken_check := case
    when not new.disable_after between interval '1 minute' and interval '1 year' then 'disable_after is between 1 minute and 1 year'
    when new.format not in ('standard', 'raw') then 'format is standard or raw'
    when jsonb_typeof(new.headers) <> 'object' then 'headers is a JSON object'
    when cardinality(new.retry_schedule) > 50 or not postrider.are_retry_waits(new.retry_schedule)
      then 'retry_schedule has at most 50 steps of 1 ms to 30 days'
    when new.state not in ('active', 'paused', 'disabled') then 'state is active, paused or disabled'
    when length(new.tenant) > 255 then 'tenant has at most 255 characters'
    when new.timeout_ms not between 100 and 120000 then 'timeout_ms is between 100 and 120000'
    when new.url !~* '^https?://[^[:space:][:cntrl:]]+$' or length(new.url) > 2048
      then 'url is http or https, without blanks, at most 2048 long'
    when new.url ~ '[#\\]' then 'url has no fragment and no backslash'
    when new.url !~* '^https?://(\[[0-9a-f:.]+\]|[^][/?#:@\\]+)(:0*([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?([/?#\\]|$)'
      then 'url has a host, and if any a port of 1 to 65535' end;
  if missing_column is not null then
    raise exception 'null value in column "%" of relation "endpoint" violates not-null constraint', missing_column
      using errcode = 'not_null_violation', schema = 'postrider', table = 'endpoint', column = missing_column;
  end if;
  if broken_check is not null then
    raise exception 'new row for relation "endpoint" violates check constraint "%"', broken_check
      using errcode = 'check_violation', constraint = broken_check, schema = 'postrider', table = 'endpoint';
  end if;
  return new;
end
$$;
comment on function postrider.endpoint_judging() is 'Refuses what the table''s constraints refuse, without showing the row: headers and URL may hold what is secret.';
create trigger endpoint_judging before insert or update of tenant, url, format, timeout_ms, retry_schedule, headers, disable_after, state
  on postrider.endpoint for each row execute function postrider.endpoint_judging();
comment on trigger endpoint_judging on postrider.endpoint is 'Refuses bad values, without showing the others.';

-- Secrets ---------------------------------------------------------------------------------------------------------

create function postrider.endpoint_secret_changing() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  secrets_max constant integer := 10;
  tries_max constant integer := 50;
  pause_seconds constant double precision := 0.01;
  others integer;
  is_locked boolean := false;
begin
  if tg_op = 'INSERT' then
    -- first of all: the check of the foreign key would lock the endpoint too weakly for what follows
    perform from postrider.endpoint e where e.id = new.endpoint_id for no key update;
  else
    -- The secret's row is locked by now, and whoever has the endpoint's may want it.
    for try in 1 .. tries_max loop
      perform from postrider.endpoint e where e.id = old.endpoint_id for no key update skip locked;
      is_locked := found or not exists (select from postrider.endpoint e where e.id = old.endpoint_id);
      exit when is_locked;
      perform pg_sleep(pause_seconds);
    end loop;
    if not is_locked then
      raise exception 'somebody else is changing endpoint %', old.endpoint_id
        using errcode = 'lock_not_available', detail = 'A change of its secrets is a change of the endpoint too.',
          hint = 'Try again when that transaction has ended; postrider.rotate_secret waits for it.';
    end if;
    if tg_op = 'DELETE' then
      return old;
    end if;
  end if;
  if new.expires_at is null or new.expires_at > now() then
    select count(*) into others
    from postrider.endpoint_secret s
    where s.endpoint_id = new.endpoint_id and s.id <> new.id and (s.expires_at is null or s.expires_at > now());
    if others >= secrets_max then
      raise exception 'endpoint % has % secrets in force already', new.endpoint_id, others
        using errcode = 'program_limit_exceeded',
          detail = 'Each of them signs every request, in a header that receivers read up to some length.',
          hint = 'Wait until one expires, or let one: update postrider.endpoint_secret set expires_at = now() where id = ....';
    end if;
  end if;
  return new;
end
$$;
comment on function postrider.endpoint_secret_changing() is 'Bounds the secrets that sign for one endpoint to 10, and locks the endpoint, in a way that cannot deadlock.';
create trigger endpoint_secret_changing before insert or update or delete on postrider.endpoint_secret
  for each row execute function postrider.endpoint_secret_changing();
comment on trigger endpoint_secret_changing on postrider.endpoint_secret is 'Bounds the secrets of an endpoint, and locks it.';

create function postrider.rotate_secret(endpoint_id uuid, overlap interval default '24 hours') returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  new_secret constant text := postrider.new_secret();
  old_until timestamptz;
begin
  if overlap is null or not overlap between interval '0' and interval '1 year' or now() + overlap < now() then
    raise exception 'an overlap of % is not possible', coalesce(overlap::text, 'null')
      using errcode = 'invalid_parameter_value', hint = 'Give 0 to 1 year: for so long the old secret signs beside the new one.';
  end if;
  old_until := now() + overlap;
  perform postrider.lock_endpoint(endpoint_id);
  perform postrider.begin_action('rotate_secret', endpoint_id, jsonb_build_object('overlap', overlap));
  -- one that signs no more is of use to nobody but a thief
  delete from postrider.endpoint_secret s where s.endpoint_id = endpoint_id and s.expires_at <= now();
  update postrider.endpoint_secret s set expires_at = old_until
  where s.endpoint_id = endpoint_id and (s.expires_at is null or s.expires_at > old_until);
  insert into postrider.endpoint_secret (endpoint_id, secret) values (endpoint_id, new_secret);
  perform postrider.end_action();
  return new_secret;
end
$$;
comment on function postrider.rotate_secret(uuid, interval) is
  'Makes a new secret for an endpoint and returns it: give it to whoever receives. Every request is signed with the new one and, until the overlap has passed, with the old ones too; 0 drops them at once.';

-- Cancelling ------------------------------------------------------------------------------------------------------

create function postrider.cancel(event_id uuid, endpoint_id uuid, reason text default null) returns text
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
-- What nobody has in hand is discarded here. What a daemon has in hand is only marked (postrider.cancellation): the
-- request may be under way, and a row written here would make the daemon's own record of it wait for this transaction,
-- and every other record with it. The daemon looks at the marks four times a second and puts out what it has not begun;
-- of an attempt that is under way, the record knows a success as succeeded and anything else as discarded.
-- Looked at again where a record or a lease was written between the look at the deliveries and that at what is in hand.
declare
  discard_reason constant text := concat_ws(': ', 'cancelled', reason);
  looks_max constant integer := 5;
  found_state text;
begin
  for look in 1 .. looks_max loop
    update postrider.delivery d
    set state = 'discarded', reason = discard_reason, finished_at = now(),
        next_attempt_at = null, leased_by = null, lease_expires_at = null
    where d.event_id = event_id and d.endpoint_id = endpoint_id and d.state = 'pending'
      and (d.lease_expires_at is null or d.lease_expires_at <= now());
    if found then
      perform postrider.note_action('cancel', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
      return 'discarded';
    end if;
    select d.state into found_state from postrider.delivery d where d.event_id = event_id and d.endpoint_id = endpoint_id;
    if found and found_state <> 'pending' then
      return found_state;
    end if;
    if exists (select from postrider.in_flight f where f.event_id = event_id and f.endpoint_id = endpoint_id) then
      insert into postrider.cancellation (event_id, endpoint_id, reason)
      values (event_id, endpoint_id, discard_reason)
      on conflict on constraint cancellation_pkey do nothing;
      if found then
        perform postrider.note_action('cancel', endpoint_id, event_id, jsonb_strip_nulls(jsonb_build_object('reason', reason)));
      end if;
      perform postrider.notify_daemons();
      return 'pending';
    end if;
  end loop;
  raise exception 'there is no delivery of event % to endpoint %', coalesce(event_id::text, 'null'), coalesce(endpoint_id::text, 'null')
    using errcode = 'no_data_found',
      hint = 'postrider.explain_event(event_id) says why: it did not match, or has not been claimed yet.';
end
$$;
comment on function postrider.cancel(uuid, uuid, text) is
  'No further attempts of a delivery. Returns what it is now: discarded; pending, where a daemon has it in hand: it is discarded within moments, or when the attempt that is under way has failed, and succeeded if that one succeeds; or how it had ended before. postrider.redeliver takes it up again.';

-- Health ----------------------------------------------------------------------------------------------------------

create view postrider.endpoint_health as
  select e.id as endpoint_id, e.shown_url as url, e.tenant, e.state, e.state_reason,
         coalesce(f.consecutive_failures, 0) > 0 as is_failing,
         f.failing_since,
         coalesce(f.consecutive_failures, 0) as consecutive_failures,
         f.last_failure_at, f.last_failure_kind, f.last_http_status, f.last_error,
         f.recovered_at,
         case when e.state = 'active' and f.failing_since is not null
              then greatest(f.failing_since, e.state_changed_at) + e.disable_after end as disabled_from
  from postrider.endpoint e
  left join postrider.endpoint_failure f on f.endpoint_id = e.id;
comment on view postrider.endpoint_health is
  'Whether each endpoint fails, since when and how, and from when on that would disable it. Reads endpoints alone, however many deliveries there are. Failures of deliveries that were sent again by hand do not count, successes do.';
comment on column postrider.endpoint_health.endpoint_id is 'The endpoint.';
comment on column postrider.endpoint_health.url is 'Its URL.';
comment on column postrider.endpoint_health.tenant is 'Its tenant.';
comment on column postrider.endpoint_health.state is 'active, paused or disabled.';
comment on column postrider.endpoint_health.state_reason is 'Why it is paused or disabled.';
comment on column postrider.endpoint_health.is_failing is 'Whether its last attempt failed.';
comment on column postrider.endpoint_health.failing_since is 'When the first failure after the last success was recorded; null where it does not fail.';
comment on column postrider.endpoint_health.consecutive_failures is 'Failed attempts since the last success, over all its deliveries.';
comment on column postrider.endpoint_health.last_failure_at is 'When the last failure was recorded, also where a success came after it; null where there was none.';
comment on column postrider.endpoint_health.last_failure_kind is 'Of what kind it was, as in postrider.attempt.';
comment on column postrider.endpoint_health.last_http_status is 'The status that it got; null where none came back.';
comment on column postrider.endpoint_health.last_error is 'What went wrong, in a sentence.';
comment on column postrider.endpoint_health.recovered_at is 'When a success last ended a row of failures. Other successes are not noted here: that would be a write for each of them.';
comment on column postrider.endpoint_health.disabled_from is 'The first failure from this time on disables it, if no success comes before; null where it does not fail, is not active, or has no disable_after.';

-- Explaining ------------------------------------------------------------------------------------------------------

create function postrider.explain_filter(payload json, filter jsonpath) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
  answer boolean;
begin
  answer := payload::jsonb @@ filter;
  return case
    when answer then null
    when not answer then format('the filter %s is false', filter)
    else format('the filter %s has no answer, which is no match: a member that is not there, or values that cannot be compared', filter)
  end;
exception when others then
  if left(sqlstate, 2) in ('53', '57', '58') then
    raise;
  end if;
  return format('the filter %s cannot be applied to the payload: %s', filter, sqlerrm);
end
$$;
comment on function postrider.explain_filter(json, jsonpath) is 'Why a payload does not match a filter; null where it does.';

create function postrider.explain_match(event_type text, payload json, endpoint_id uuid) returns text
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  others text;
  rule record;
  problem text;
  problems text[] := '{}';
begin
  for rule in
    select s.filter
    from postrider.subscription s
    where s.endpoint_id = endpoint_id and s.event_type = any (postrider.event_type_patterns(event_type))
    order by s.filter is not null, s.created_at, s.id
  loop
    problem := case when rule.filter is not null then postrider.explain_filter(payload, rule.filter) end;
    if problem is null then
      return null;
    end if;
    problems := problems || problem;
  end loop;
  if cardinality(problems) > 0 then
    return array_to_string(problems, '; ');
  end if;
  select string_agg(distinct s.event_type, ', ') into others from postrider.subscription s where s.endpoint_id = endpoint_id;
  return format('no subscription matches the type %s: %s', event_type,
    case when others is null then 'the endpoint has none'
         when event_type = 'postrider' or event_type like 'postrider.%' then format('it has %s, and * does not mean postrider''s own events', others)
         else format('it has %s', others) end);
end
$$;
comment on function postrider.explain_match(text, json, uuid) is
  'Why an event of this type with this payload does not match an endpoint''s subscriptions as they are now; null where it does.';

create function postrider.is_claimed(xid xid8, seq bigint) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
begin atomic
  select pg_visible_in_snapshot(is_claimed.xid, c.base)
    or (c.target is not null and pg_visible_in_snapshot(is_claimed.xid, c.target)
        and (is_claimed.xid, is_claimed.seq) <= (c.after_xid, c.after_seq))
  from postrider.claim c
  order by c.id desc
  limit 1;
end;
comment on function postrider.is_claimed(xid8, bigint) is 'Whether the cursor has passed an event: from then on subscriptions no longer matter to it.';

create function postrider.explain_event(event_id uuid) returns table (
  endpoint_id uuid,
  url text,
  endpoint_state text,
  outcome text,
  explanation text,
  would_match_now boolean,
  now_explanation text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- What happened comes from the deliveries, which stay; why something did not happen can only be told from what is there
-- now, so both are given: the subscriptions may have changed since the claim, and the audit knows when.
declare
  event record;
  claimed boolean;
  daemons integer;
  -- why no daemon sends anything at all; null where they may
  stop text;
begin
  select o.id, o.xid, o.seq, o.event_type, o.tenant, o.payload, o.created_at into event
  from postrider.outbox o
  where o.id = explain_event.event_id;
  if not found then
    raise exception 'there is no event %', coalesce(explain_event.event_id::text, 'null')
      using errcode = 'no_data_found',
        hint = 'The transaction that inserts it may be open still, or was rolled back; or the event is past its retention.';
  end if;
  claimed := coalesce(postrider.is_claimed(event.xid, event.seq), false);
  select count(*) into daemons from postrider.daemon d where d.lease_expires_at > now();
  select case when not s.is_on then format('sending is switched off by %s, %s%s', s.changed_by, postrider.shown_time(s.changed_at), coalesce(': ' || s.reason, ''))
              when postrider.copy_problem() is not null then 'this database is a copy that was not adopted' end
  into stop
  from postrider.sending s
  where s.is_row;

  return query
    with known as (
      select e.id, e.url, e.state, e.state_reason, e.state_changed_at, e.created_at, e.tenant
      from postrider.endpoint e
      where e.tenant = event.tenant
    ), status as (
      select d.endpoint_id, d.state, d.detail, d.reason, d.attempts, d.last_http_status, d.last_error, d.next_attempt_at, d.finished_at
      from postrider.delivery_status d
      where d.event_id = explain_event.event_id
    ), met as (
      select coalesce(k.id, s.endpoint_id) as id, k.url, coalesce(k.state, o.state, 'deleted') as state, k.state_reason,
             k.state_changed_at, k.created_at, k.tenant,
             s.state as delivery_state, s.detail, s.reason, s.attempts, s.last_error, s.next_attempt_at, s.finished_at,
             coalesce(k.url, o.url) as any_url,
             case
               when k.id is null and o.id is not null then format('the endpoint has moved to the tenant %L', o.tenant)
               when k.id is null then 'the endpoint was deleted'
               when k.state = 'disabled' then
                 format('the endpoint is disabled since %s%s', postrider.shown_time(k.state_changed_at), coalesce(': ' || k.state_reason, ''))
               else postrider.explain_match(event.event_type, event.payload, k.id)
             end as obstacle,
             (select format('%s by %s, %s', a.action, a.actor, postrider.shown_time(a.at))
              from postrider.audit a
              where a.endpoint_id = k.id and a.event_id is null and a.at > event.created_at
              order by a.at desc
              limit 1) as changed
      from known k
      full join status s on s.endpoint_id = k.id
      left join postrider.endpoint o on o.id = s.endpoint_id
    )
    select m.id, m.any_url, m.state,
           case when m.delivery_state is not null then m.detail when claimed then 'not matched' else 'not claimed' end,
           case
             when m.delivery_state = 'succeeded' then
               format('delivered %s, with attempt %s', postrider.shown_time(m.finished_at), m.attempts)
             when m.delivery_state = 'exhausted' then
               format('the retry schedule was used up %s, after %s attempts; the last one: %s', postrider.shown_time(m.finished_at), m.attempts, m.last_error)
             when m.delivery_state = 'discarded' then
               format('discarded %s, after %s attempts: %s', postrider.shown_time(m.finished_at), m.attempts, m.reason)
             when m.detail = 'cancelled' then 'cancelled while an attempt is under way: no other one follows it'
             when m.detail = 'in flight' then format('attempt %s is under way', m.attempts + 1)
             when m.detail = 'paused' then
               format('waits, for the endpoint is paused since %s%s', postrider.shown_time(m.state_changed_at), coalesce(': ' || m.state_reason, ''))
             when m.detail in ('retrying', 'scheduled', 'deferred') and stop is not null then 'waits, for ' || stop
             when m.detail = 'retrying' then
               format('%s attempts failed, the last one: %s; the next one is due %s', m.attempts, m.last_error, postrider.shown_time(m.next_attempt_at))
             when m.detail = 'scheduled' then format('its first attempt is due %s', postrider.shown_time(m.next_attempt_at))
             when m.detail = 'deferred' then
               case when daemons > 0 then 'due, and waits for a daemon to have room for it' else 'due, and no daemon is alive to send it' end
             when not claimed and stop is not null then 'no daemon has claimed the event yet, for ' || stop
             when not claimed and daemons = 0 then 'no daemon has claimed the event yet, and none is alive'
             when not claimed then 'no daemon has claimed the event yet: that follows the commit by milliseconds, or by the backlog before it'
             when m.obstacle is not null then m.obstacle
             when m.created_at > event.created_at then
               format('the endpoint was made %s, after the event: an event goes to the subscriptions that are there when it is claimed', postrider.shown_time(m.created_at))
             else 'it matches now and did not when it was claimed: endpoint or subscriptions were changed since, or a row was deleted by hand'
           end || case
             when m.delivery_state is null and claimed and m.changed is not null
               then format('; the last change since the event: %s (postrider.audit)', m.changed) else '' end,
           m.obstacle is null,
           coalesce(m.obstacle, case when m.state = 'paused' then 'would wait, for the endpoint is paused' else 'would be sent' end)
    from met m
    order by m.delivery_state is null, m.id;
end
$$;
comment on function postrider.explain_event(uuid) is
  'For each endpoint of the event''s tenant: what became of the event there, or why nothing did, and what would happen if it were inserted now. Why an event did not match is told by the subscriptions as they are now; what was changed since is named.';

create function postrider.shown_time(at timestamptz) returns text
language sql stable parallel safe
set search_path = pg_catalog, pg_temp
return case when at in ('infinity', '-infinity') then at::text else date_trunc('second', at)::text end;
comment on function postrider.shown_time(timestamptz) is 'A time to the second, in the session''s time zone.';
