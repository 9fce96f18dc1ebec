create or replace function postrider_internal.record_first_successes(
  daemon_id uuid,
  is_repeat boolean,
  held_claims bigint[],
  event_ids uuid[],
  endpoint_ids uuid[],
  claim_ids bigint[],
  attempts_before_now integer[],
  new_attempts uuid[],
  started_ms double precision[],
  durations_ms integer[],
  http_statuses smallint[],
  requests smallint[],
  endpoint_revisions bigint[],
  batch_ids uuid[],
  response_headers json[],
  response_bodies text[],
  states text[],
  out stored integer
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  -- Unnested in the select list, because a from-clause first writes down every array, row by row.
  with result as (
    select unnest(event_ids) as event_id, unnest(endpoint_ids) as endpoint_id, unnest(claim_ids) as claim_id,
           unnest(attempts_before_now) as attempts, unnest(new_attempts) as attempt_id, unnest(started_ms) as started_ms,
           unnest(durations_ms) as duration_ms, unnest(http_statuses) as http_status, unnest(requests) as requests,
           unnest(endpoint_revisions) as endpoint_revision, unnest(batch_ids) as batch_id,
           unnest(response_headers) as headers, unnest(response_bodies) as body, unnest(states) as state
  )
  insert into postrider.delivery (
    event_id, endpoint_id, finished_at, attempts, first_started_at, first_endpoint_revision, first_duration_ms,
    first_http_status, first_requests, first_attempt_id, first_daemon_id, first_batch_id, state, first_response_headers,
    first_response_body)
  select r.event_id, r.endpoint_id, clock_timestamp(), 1, to_timestamp(r.started_ms / 1000), r.endpoint_revision, r.duration_ms,
         r.http_status, r.requests, r.attempt_id, record_first_successes.daemon_id, r.batch_id, r.state, r.headers,
         r.body
  from result r
  where r.state = 'succeeded' and r.attempts = 0 and r.attempt_id is not null and r.claim_id = any (held_claims)
    and (not is_repeat or not exists (
      select from postrider.delivery d where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
      offset 0));
  get diagnostics stored = row_count;
end
$$;
comment on function postrider_internal.record_first_successes(
  uuid, boolean, bigint[], uuid[], uuid[], bigint[], integer[], uuid[], double precision[], integer[], smallint[], smallint[],
  bigint[], uuid[], json[], text[], text[]) is
  'Inserts the deliveries that succeeded at their first attempt, together with it, if the daemon still holds their claims. Returns how many.';
