create or replace function postrider_internal.record_attempts(
  daemon_id uuid,
  event_ids uuid[],
  endpoint_ids uuid[],
  new_attempts uuid[],
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
  with result as (
    select unnest(event_ids) as event_id, unnest(endpoint_ids) as endpoint_id, unnest(new_attempts) as attempt_id,
           unnest(attempts_before_now) as attempts, unnest(started_ms) as started_ms, unnest(durations_ms) as duration_ms,
           unnest(http_statuses) as http_status, unnest(requests) as requests,
           unnest(endpoint_revisions) as endpoint_revision, unnest(batch_ids) as batch_id,
           unnest(failure_kinds) as failure_kind, unnest(errors) as error,
           unnest(response_headers) as headers, unnest(response_bodies) as body
  )
  insert into postrider.other_attempt (
    event_id, endpoint_id, id, daemon_id, started_at, endpoint_revision, attempt_number, duration_ms, http_status, requests,
    failure_kind, error, batch_id, response_headers, response_body)
  select r.event_id, r.endpoint_id, r.attempt_id, record_attempts.daemon_id, to_timestamp(r.started_ms / 1000),
         r.endpoint_revision, r.attempts + 1, r.duration_ms, r.http_status, r.requests, r.failure_kind, r.error, r.batch_id,
         r.headers, r.body
  from result r
  where r.attempt_id is not null
    and (r.failure_kind is not null or r.attempts > 0 or not exists (
      select from postrider.delivery d
      where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id and d.first_attempt_id = r.attempt_id
      offset 0));
end
$$;
comment on function postrider_internal.record_attempts(
  uuid, uuid[], uuid[], uuid[], integer[], double precision[], integer[], smallint[], smallint[], bigint[], uuid[], text[],
  text[], json[], text[]) is
  'Inserts the attempts that are not recorded in their deliveries.';
