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
  finished_claims bigint[],
  finished_epochs uuid[],
  gone_endpoints uuid[],
  out kept_claims bigint[],
  out locked integer[],
  out discarded integer[],
  out discard_reasons text[],
  out epoch uuid
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
-- state of a leased one, for the attempt it was leased for.
--
-- The arrays are columns, one element a result; an array that is null is null throughout. Arrays cost Postgres 3 us a
-- result, a JSON document 7 to 8. attempt_ids: null if no request was made; attempts_before_now: how many were made
-- before; started_ms: Unix time; requests: null for one; states: succeeded, pending (again in waits_ms), exhausted or discarded (reasons).
-- finished_epochs: of each finished claim the epoch in which its earlier results were recorded, null if in several.
-- Results come sorted by event and endpoint, so two daemons that record the same deliveries cannot deadlock.
--
-- is_repeat: rows that exist already are left out. The daemon asks for it if they may exist: after a lost answer, or
-- after a unique_violation. `on conflict` would do it every time, for 90 bytes of WAL and 3 us a result.
--
-- A first attempt from memory that succeeds is recorded in its delivery, any other attempt by a row in other_attempt. So is
-- a success that another daemon has already recorded, or whose claim is another daemon's by now.
declare
  new_attempts uuid[] := attempt_ids;
  held_claims bigint[];
  stored integer := 0;
begin
  -- A crash of Postgres can take back the records of its last second; those deliveries are repeated, none is lost.
  perform set_config('synchronous_commit', 'off', true);

  epoch := postrider_internal.present_epoch();
  if is_repeat then
    new_attempts := postrider_internal.new_attempts(event_ids, endpoint_ids, attempt_ids);
  end if;
  if 'pending' = any (states) then
    select d.states, d.reasons, d.discarded into states, reasons, discarded
    from postrider_internal.discard_unwanted(event_ids, endpoint_ids, states, reasons) d;
    discard_reasons := array(select reasons[n] from unnest(discarded) with ordinality u (n, place) order by place);
  end if;
  if is_first then
    -- Locked, so that no other daemon takes a claim over before these rows can be seen.
    held_claims := array(
      select c.id from postrider.claim c
      where c.id in (select distinct u from unnest(claim_ids) u) and c.daemon_id = record_results.daemon_id
      order by c.id
      for share);
    stored := postrider_internal.record_first_successes(daemon_id, is_repeat, held_claims, event_ids, endpoint_ids, claim_ids,
      attempts_before_now, new_attempts, started_ms, durations_ms, http_statuses, requests, endpoint_revisions, batch_ids,
      response_headers, response_bodies, states);
    if stored < cardinality(event_ids) then
      perform postrider_internal.decide_first(is_repeat, held_claims, event_ids, endpoint_ids, claim_ids, attempts_before_now,
        attempt_ids, new_attempts, states, waits_ms, reasons);
    end if;
  else
    locked := postrider_internal.decide_leased(daemon_id, event_ids, endpoint_ids, attempt_ids, attempts_before_now,
      states, waits_ms, reasons);
  end if;
  if stored < cardinality(event_ids) then
    perform postrider_internal.record_attempts(daemon_id, event_ids, endpoint_ids, new_attempts, attempts_before_now,
      started_ms, durations_ms, http_statuses, requests, endpoint_revisions, batch_ids, failure_kinds, errors,
      response_headers, response_bodies);
  end if;

  -- Health last, so that no other flush waits for these rows longer than it must. A success is looked at only if
  -- failures came before it: one probe for each endpoint of the flush, of a table that most endpoints are never in.
  if cardinality(array_remove(failure_kinds, null)) > 0
    or exists (select from postrider.endpoint_failure f where f.endpoint_id = any (endpoint_ids) and f.consecutive_failures > 0)
  then
    perform postrider_internal.note_health(
      event_ids, endpoint_ids, new_attempts, started_ms, durations_ms, http_statuses, failure_kinds, errors);
  end if;
  if cardinality(gone_endpoints) > 0 then
    perform postrider_internal.disable_gone_endpoints(gone_endpoints);
  end if;
  if cardinality(finished_claims) > 0 then
    kept_claims := postrider_internal.finish_claims(daemon_id, finished_claims, finished_epochs, epoch);
  end if;
end
$$;
comment on function postrider_internal.record_results(
  uuid, boolean, boolean, uuid[], uuid[], bigint[], integer[], uuid[], double precision[], integer[], smallint[], smallint[],
  bigint[], uuid[], text[], text[], json[], text[], text[], bigint[], text[], bigint[], uuid[], uuid[]) is
  'Records the results of a daemon''s attempts, many in one transaction: first attempts from memory, or leased deliveries. Deletes claims that are finished. kept_claims: finished claims that must stay for now; locked: which results, from 1, are still to be decided; discarded and discard_reasons: which results that were to be attempted again are discarded instead, and why; epoch: the one in which this was recorded.';
