create or replace function postrider_internal.record_attempts(
  daemon_id uuid,
  is_repeat boolean,
  event_ids uuid[],
  endpoint_ids uuid[],
  inout attempt_ids uuid[],
  attempts_before_now integer[],
  started_ms double precision[],
  durations_ms integer[],
  http_statuses smallint[],
  failure_kinds text[],
  errors text[],
  response_headers json[],
  response_bodies text[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  if is_repeat then
    attempt_ids := array(
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
  select r.event_id, r.endpoint_id, r.attempt_id, record_attempts.daemon_id, to_timestamp(r.started_ms / 1000),
         r.attempts + 1, r.duration_ms, r.http_status, r.failure_kind, r.error, r.headers, r.body
  from unnest(event_ids, endpoint_ids, attempt_ids, attempts_before_now, started_ms, durations_ms, http_statuses,
              failure_kinds, errors, response_headers, response_bodies)
    r (event_id, endpoint_id, attempt_id, attempts, started_ms, duration_ms, http_status, failure_kind, error, headers, body)
  where r.attempt_id is not null;
end
$$;
comment on function postrider_internal.record_attempts(
  uuid, boolean, uuid[], uuid[], uuid[], integer[], double precision[], integer[], smallint[], text[], text[], json[], text[]) is
  'Inserts a row for each attempt, and returns the ids of those that are new: null for a result without a request, and for an attempt that is recorded already.';
