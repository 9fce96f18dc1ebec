create or replace function postrider_internal.record_others(
  daemon_id uuid,
  is_first boolean,
  held_claims bigint[],
  successes integer[],
  known integer[],
  event_ids uuid[],
  endpoint_ids uuid[],
  claim_ids bigint[],
  attempts_before_now integer[],
  attempt_ids uuid[],
  new_attempts uuid[],
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
  out locked integer[],
  out discarded integer[],
  out discard_reasons text[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
declare
  places integer[] := array(
    select p from generate_series(1, cardinality(event_ids)) p where p not in (select u from unnest(successes) u));
  decided integer[];
  exhausted integer[];
begin
  if 'pending' = any (states) then
    select d.discarded, d.discard_reasons into discarded, discard_reasons
    from postrider_internal.discard_unwanted(event_ids, endpoint_ids, states) d;
    for n in 1 .. coalesce(cardinality(discarded), 0) loop
      states[discarded[n]] := 'discarded';
      reasons[discarded[n]] := discard_reasons[n];
    end loop;
  end if;
  if is_first then
    decided := array(select p from unnest(places) p where claim_ids[p] = any (held_claims) and p <> all (known));
    exhausted := array(select p from unnest(decided) p where states[p] = 'exhausted');
    perform postrider_internal.decide_first(
      decided, event_ids, endpoint_ids, attempts_before_now, attempt_ids, states, waits_ms, reasons);
  else
    select d.locked, d.exhausted into locked, exhausted
    from postrider_internal.decide_leased(
      daemon_id, event_ids, endpoint_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons, alone) d;
    if cardinality(array_remove(requests, null)) > 0 then
      perform postrider_internal.charge_repeats(event_ids, endpoint_ids, new_attempts, requests, batch_ids);
    end if;
  end if;
  perform postrider_internal.record_attempts(
    daemon_id, places, event_ids, endpoint_ids, new_attempts, attempts_before_now, started_ms, durations_ms, http_statuses,
    requests, endpoint_revisions, batch_ids, failure_kinds, errors, response_headers, response_bodies);
  if cardinality(exhausted) > 0 and postrider_internal.is_subscribed('postrider.delivery.exhausted') then
    perform postrider_internal.note_exhausted(
      exhausted, event_ids, endpoint_ids, attempts_before_now, http_statuses, failure_kinds, reasons);
  end if;
end
$$;
comment on function postrider_internal.record_others(
  uuid, boolean, bigint[], integer[], integer[], uuid[], uuid[], bigint[], integer[], uuid[], uuid[], double precision[],
  integer[], smallint[], smallint[], bigint[], uuid[], text[], text[], json[], text[], text[], bigint[], text[], integer[]) is
  'Records the results that are not among the successes of record_first_successes. known: which deliveries exist already, from 1.';
