-- grant: execute to daemon
--
-- The arrays are columns, one element a result; one that is null is null throughout. attempt_ids: null if no request was
-- made; attempts_before_now: how many were made before; started_ms: Unix time; requests: null for one; states: pending
-- (again in waits_ms), exhausted, discarded (reasons), or null for succeeded. batch_ids: null if there are none; alone:
-- which results, from 1, are of deliveries that leave their batch. finished_epochs: of each finished claim the
-- epoch in which its earlier results were recorded, null if in several. Results come sorted by event and endpoint, so two
-- daemons that record the same deliveries cannot deadlock.

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
  requests smallint[],
  endpoint_revisions bigint[],
  batch_ids uuid[],
  failure_kinds text[],
  errors text[],
  response_headers json[],
  response_bodies text[],
  states text[],
  waits_ms bigint[],
  reasons text[],
  alone integer[],
  claims bigint[],
  finished_claims bigint[],
  finished_epochs uuid[],
  gone_endpoints uuid[],
  out kept_claims bigint[],
  out locked integer[],
  out discarded integer[],
  out discard_reasons text[],
  out epoch uuid, out circuits jsonb
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
-- Facts are always accepted: an attempt happened, so its row goes in, once. Decisions are fenced: the daemon that holds
-- the claim decides the state of a first delivery, and the first to write the row; the owner of the lease decides the
-- state of a leased one, for the attempt it was leased for. A first attempt from memory that succeeds is recorded in its
-- delivery, any other by a row of other_attempt: a success that another daemon has recorded, or whose claim it has, too.
--
-- is_repeat: rows that exist already are left out. The daemon asks for it after a lost answer, or a unique_violation.
-- `on conflict` would do it every time, for 90 bytes of WAL and 3 us a result. Deliveries are looked up before attempts:
-- of one that is known, the attempt that came with it must be known, too.
declare
  new_attempts uuid[] := attempt_ids;
  held_claims bigint[];
  newest_claim bigint;
  ends_failures boolean;
  has_marks boolean;
  successes integer[];
  known integer[] := '{}';
begin
  -- One statement for all that is looked up, because each costs 15 us, and 45 while the caches are cold. The claims are
  -- locked, so that no other daemon takes one over before these rows can be seen. A success is noted only if failures came
  -- before it: one probe an endpoint, of a table that most are never in. What a crash takes back is sent again.
  select array(
           select c.id from postrider.claim c
           where c.id = any (claims) and c.daemon_id = record_results.daemon_id order by c.id for share),
         (select n.id from postrider.claim n order by n.id desc limit 1),
         (select e.id from postrider.server_epoch e where e.is_row),
         exists (
           select from postrider.endpoint_failure f where f.endpoint_id = any (endpoint_ids) and f.consecutive_failures > 0),
         exists (select from postrider.cancellation),
         array(
           select r.p from (select generate_series(1, cardinality(event_ids)) as p) r
           where is_first and coalesce(states[r.p] = 'succeeded', true) and attempts_before_now[r.p] = 0 and attempt_ids[r.p] is not null)
  into held_claims, newest_claim, epoch, ends_failures, has_marks, successes
  where set_config('synchronous_commit', 'off', true) is not null;
  epoch := coalesce(epoch, postrider_internal.begin_epoch());
  if has_marks then
    select w.errors, w.response_headers, w.response_bodies into errors, response_headers, response_bodies from postrider_internal.without_erased(event_ids, batch_ids, errors, response_headers, response_bodies) w;
  end if;
  if is_repeat then
    known := postrider_internal.known_deliveries(event_ids, endpoint_ids);
    new_attempts := postrider_internal.new_attempts(event_ids, endpoint_ids, attempt_ids);
  end if;
  if is_repeat or cardinality(held_claims) < cardinality(claims) then
    successes := array(
      select p from unnest(successes) p where new_attempts[p] is not null and claim_ids[p] = any (held_claims) and p <> all (known));
  end if;

  if cardinality(successes) > 0 then
    perform postrider_internal.record_first_successes(
      daemon_id, successes, event_ids, endpoint_ids, new_attempts, started_ms, durations_ms, http_statuses, requests,
      endpoint_revisions, response_headers, response_bodies);
  end if;
  if cardinality(successes) < cardinality(event_ids) then
    select o.locked, o.discarded, o.discard_reasons into locked, discarded, discard_reasons
    from postrider_internal.record_others(
      daemon_id, is_first, held_claims, successes, known, event_ids, endpoint_ids, claim_ids, attempts_before_now, attempt_ids,
      new_attempts, started_ms, durations_ms, http_statuses, requests, endpoint_revisions, batch_ids, failure_kinds, errors,
      response_headers, response_bodies, states, waits_ms, reasons, alone) o;
  end if;

  -- Health last, so that no other flush waits for these rows longer than it must.
  if ends_failures or cardinality(array_remove(failure_kinds, null)) > 0 then
    circuits := postrider_internal.note_health(
      event_ids, endpoint_ids, new_attempts, started_ms, durations_ms, http_statuses, failure_kinds, errors, reasons);
  end if;
  if cardinality(gone_endpoints) > 0 then
    perform postrider_internal.disable_gone_endpoints(gone_endpoints, event_ids, endpoint_ids);
  end if;
  if cardinality(finished_claims) > 0 then
    kept_claims := postrider_internal.finish_claims(daemon_id, finished_claims, finished_epochs, epoch, newest_claim);
  end if;
end
$$;
comment on function postrider_internal.record_results(
  uuid, boolean, boolean, uuid[], uuid[], bigint[], integer[], uuid[], double precision[], integer[], smallint[], smallint[],
  bigint[], uuid[], text[], text[], json[], text[], text[], bigint[], text[], integer[], bigint[], bigint[], uuid[], uuid[]) is
  'Records the results of a daemon''s attempts, many in one transaction: first attempts from memory, or leased deliveries. Deletes claims that are finished. kept_claims: finished claims that must stay for now; locked: which results, from 1, are still to be decided; discarded and discard_reasons: which results that were to be attempted again are discarded instead, and why; epoch: the one in which this was recorded; circuits: which circuits were opened or closed, and which probes failed.';
