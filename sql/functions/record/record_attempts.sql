create or replace function postrider_internal.record_attempts(
  daemon_id uuid,
  places integer[],
  event_ids uuid[],
  endpoint_ids uuid[],
  attempt_ids uuid[],
  attempts_before_now integer[],
  started_ms double precision[],
  durations_ms integer[],
  http_statuses smallint[],
  requests smallint[],
  endpoint_revisions bigint[],
  batch_ids uuid[],
  failure_kinds text[],
  errors text[],
  response_headers json[],
  response_bodies text[]
) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  insert into postrider.other_attempt (
    event_id, endpoint_id, id, daemon_id, started_at, endpoint_revision, attempt_number, duration_ms, http_status, requests,
    failure_kind, error, batch_id, response_headers, response_body)
  select event_ids[p], endpoint_ids[p], attempt_ids[p], record_attempts.daemon_id, to_timestamp(started_ms[p] / 1000),
         endpoint_revisions[p], attempts_before_now[p] + 1, durations_ms[p], http_statuses[p], requests[p], failure_kinds[p],
         errors[p], batch_ids[p], response_headers[p], response_bodies[p]
  from (select unnest(places) as p) r
  where attempt_ids[p] is not null;
end
$$;
comment on function postrider_internal.record_attempts(
  uuid, integer[], uuid[], uuid[], uuid[], integer[], double precision[], integer[], smallint[], smallint[], bigint[], uuid[],
  text[], text[], json[], text[]) is
  'Inserts the attempts that are not recorded in their deliveries. places: which results those are, from 1.';
