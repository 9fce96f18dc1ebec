-- grant: execute to daemon

create or replace function postrider_internal.record_results(
  daemon_id uuid,
  is_first boolean,
  is_repeat boolean,
  event_ids uuid[],
  endpoint_ids uuid[],
  claim_ids bigint[],
  attempts_before_now integer[],
  attempt_ids uuid[],
  started_ms double precision[],
  durations_ms integer[],
  http_statuses smallint[],
  failure_kinds text[],
  errors text[],
  response_headers json[],
  response_bodies text[],
  states text[],
  waits_ms bigint[],
  reasons text[],
  finished_claims bigint[],
  gone_endpoints uuid[],
  out kept_claims bigint[],
  out locked integer[]
)
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
-- Facts are always accepted: an attempt happened, so its row goes in, once. Decisions are fenced: the state of a first
-- delivery is decided by the daemon that holds its claim, and by whoever writes the row first; the state of a leased one
-- by the owner of the lease, for the attempt it was leased for.
--
-- The arrays are columns, one element a result; one that is null is null throughout. Arrays cost Postgres 3 us a result
-- where a JSON document costs 7 to 8. attempt_ids: null where no request was made; attempts_before_now: how many were
-- made before; started_ms: Unix time; states: succeeded, pending (again in waits_ms), exhausted or discarded (reasons).
-- Results come sorted by event and endpoint, so that two daemons that record the same deliveries cannot deadlock.
--
-- is_repeat: rows that are there already are left out. It is asked for where they may be: after an answer that was lost,
-- or after unique_violation told so. `on conflict` would do it every time, for 90 bytes of WAL and 3 us a result.
declare
  held_claims bigint[];
  new_attempts uuid[] := attempt_ids;
begin
  -- A crash of Postgres can take back the records of its last second; those deliveries are repeated, none is lost.
  perform set_config('synchronous_commit', 'off', true);

  if is_repeat then
    new_attempts := array(
      select case when not exists (
        select from postrider.attempt a
        where a.event_id = r.event_id and a.endpoint_id = r.endpoint_id and a.id = r.attempt_id
        offset 0) then r.attempt_id end
      from unnest(event_ids, endpoint_ids, attempt_ids) with ordinality r (event_id, endpoint_id, attempt_id, n)
      order by r.n);
  end if;
  insert into postrider.attempt (
    event_id, endpoint_id, id, daemon_id, started_at, attempt_number, duration_ms, http_status, failure_kind, error,
    response_headers, response_body)
  select r.event_id, r.endpoint_id, r.attempt_id, record_results.daemon_id, to_timestamp(r.started_ms / 1000),
         r.attempts + 1, r.duration_ms, r.http_status, r.failure_kind, r.error, r.headers, r.body
  from unnest(event_ids, endpoint_ids, new_attempts, attempts_before_now, started_ms, durations_ms, http_statuses,
              failure_kinds, errors, response_headers, response_bodies)
    r (event_id, endpoint_id, attempt_id, attempts, started_ms, duration_ms, http_status, failure_kind, error, headers, body)
  where r.attempt_id is not null;

  -- What would wait, and was cancelled meanwhile, or is for an endpoint that is disabled or deleted by now, is discarded.
  if 'pending' = any (states) then
    select array_agg(case when r.state <> 'pending' or (c.reason is null and e.state <> 'disabled') then r.state
                          else 'discarded' end order by r.n),
           array_agg(case when r.state <> 'pending' or (c.reason is null and e.state <> 'disabled') then r.reason
                          else coalesce(c.reason, postrider_internal.discard_reason(e.state)) end order by r.n)
    into states, reasons
    from unnest(event_ids, endpoint_ids, states, reasons) with ordinality r (event_id, endpoint_id, state, reason, n)
    left join postrider.endpoint e on e.id = r.endpoint_id
    left join postrider.cancellation c on c.event_id = r.event_id and c.endpoint_id = r.endpoint_id;
  end if;

  if is_first then
    -- locked, so that nobody takes the claim over before these rows can be seen
    held_claims := array(
      select c.id from postrider.claim c
      where c.id in (select distinct u from unnest(claim_ids) u) and c.daemon_id = record_results.daemon_id
      order by c.id
      for share);
    insert into postrider.delivery (event_id, endpoint_id, finished_at, next_attempt_at, attempts, state, reason)
    select r.event_id, r.endpoint_id,
           case when r.state <> 'pending' then clock_timestamp() end,
           case when r.state = 'pending' then clock_timestamp() + r.wait_ms * interval '1 ms' end,
           r.attempts + (r.attempt_id is not null)::integer, r.state, r.reason
    from unnest(event_ids, endpoint_ids, claim_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons)
      r (event_id, endpoint_id, claim_id, attempt_id, attempts, state, wait_ms, reason)
    where r.claim_id = any (held_claims)
      and (not is_repeat or not exists (
        select from postrider.delivery d where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        offset 0));
  else
    -- A row that somebody else has locked, an operator in an open transaction, is not waited for: every other result
    -- would wait with it. Its result is told to be left.
    -- That it is pending is not asked for: only what is pending is leased, and with the question delivery_due could be
    -- taken for the look-up; then every delivery that waits was read for each flush (58,000 pages for 50 results).
    with held as (
      select d.event_id, d.endpoint_id, r.n, r.attempt_id, r.attempts, r.state, r.wait_ms, r.reason
      from unnest(event_ids, endpoint_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons) with ordinality
        r (event_id, endpoint_id, attempt_id, attempts, state, wait_ms, reason, n)
      cross join lateral (
        select l.event_id, l.endpoint_id
        from postrider.delivery l
        where l.event_id = r.event_id and l.endpoint_id = r.endpoint_id
          and l.leased_by = record_results.daemon_id and l.attempts = r.attempts
        for update skip locked) d
    ), decided as (
      update postrider.delivery d
      set attempts = h.attempts + (h.attempt_id is not null)::integer,
          state = h.state,
          finished_at = case when h.state <> 'pending' then clock_timestamp() end,
          next_attempt_at = case when h.state = 'pending' then clock_timestamp() + h.wait_ms * interval '1 ms' end,
          leased_by = null,
          lease_expires_at = null,
          reason = h.reason
      from held h
      where d.event_id between h.event_id and h.event_id and d.endpoint_id = h.endpoint_id
    )
    select array_agg(r.n::integer) into locked
    from unnest(event_ids, endpoint_ids, attempts_before_now) with ordinality r (event_id, endpoint_id, attempts, n)
    -- in this order: what was held needs no second look
    where case when r.n not in (select h.n from held h) then exists (
      select from postrider.delivery d
      where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        and d.leased_by = record_results.daemon_id and d.attempts = r.attempts
      offset 0) end;
  end if;

  -- Health last, so that no other flush waits for these rows longer than it takes. A success is looked at only where
  -- failures came before it: one probe for each endpoint of the flush, of a table that most endpoints are never in.
  if cardinality(array_remove(failure_kinds, null)) > 0
    or exists (select from postrider.endpoint_failure f where f.endpoint_id = any (endpoint_ids) and f.consecutive_failures > 0)
  then
    perform postrider_internal.note_health(
      event_ids, endpoint_ids, new_attempts, started_ms, durations_ms, http_statuses, failure_kinds, errors);
  end if;

  if cardinality(gone_endpoints) > 0 then
    -- one that an operator is about to change is not waited for: the next 410 disables it
    perform postrider_internal.set_endpoint_state(e.id, 'disabled', 'the receiver answered 410 Gone', 'disable_endpoint')
    from (
      select n.id from postrider.endpoint n
      where n.id = any (gone_endpoints) and n.state <> 'disabled'
      for update skip locked) e;
  end if;

  if cardinality(finished_claims) > 0 then
    -- The newest row is the cursor and stays, until the next claim has made a newer one. And a claim goes only when each
    -- of its pairs has its row: a crash of Postgres may have taken back what an earlier flush recorded, and what is then
    -- neither returned nor taken away is one that its daemon does not know of, and adopts.
    delete from postrider.claim c
    where c.id = any (finished_claims) and c.daemon_id = record_results.daemon_id
      and case when c.id < (select n.id from postrider.claim n order by n.id desc limit 1)
            then postrider_internal.is_recorded(c.event_ids, c.endpoint_ids) end;
    kept_claims := array(
      select c.id from postrider.claim c
      where c.id = any (finished_claims) and c.daemon_id = record_results.daemon_id
        and postrider_internal.is_recorded(c.event_ids, c.endpoint_ids));
  end if;
end
$$;
comment on function postrider_internal.record_results(
  uuid, boolean, boolean, uuid[], uuid[], bigint[], integer[], uuid[], double precision[], integer[], smallint[], text[], text[],
  json[], text[], text[], bigint[], text[], bigint[], uuid[]) is
  'Records what a daemon''s attempts came to, in one transaction for many: first attempts from memory, or leased deliveries. Takes away claims that are finished. kept_claims: those of them that must stay for now; locked: which results, from 1, are still to be decided.';
