create or replace function postrider_internal.record_first_successes(
  daemon_id uuid,
  places integer[],
  event_ids uuid[],
  endpoint_ids uuid[],
  attempt_ids uuid[],
  started_ms double precision[],
  durations_ms integer[],
  http_statuses smallint[],
  requests smallint[],
  endpoint_revisions bigint[],
  response_headers json[],
  response_bodies text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings. Its rows come from the select list, because a function in a
-- from-clause first writes down all of them.
begin
  insert into postrider.delivery (
    event_id, endpoint_id, finished_at, attempts, first_started_at, first_endpoint_revision, first_duration_ms,
    first_http_status, first_requests, first_attempt_id, first_daemon_id, state, first_response_headers,
    first_response_body)
  select event_ids[p], endpoint_ids[p], clock_timestamp(), 1, to_timestamp(started_ms[p] / 1000), endpoint_revisions[p],
         durations_ms[p], http_statuses[p], requests[p], attempt_ids[p], record_first_successes.daemon_id,
         'succeeded', response_headers[p], response_bodies[p]
  from (select unnest(places) as p) r;
end
$$;
comment on function postrider_internal.record_first_successes(
  uuid, integer[], uuid[], uuid[], uuid[], double precision[], integer[], smallint[], smallint[], bigint[], json[], text[]) is
  'Inserts the deliveries that succeeded at their first attempt, together with it. places: which results those are, from 1.';
