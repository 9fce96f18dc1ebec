create or replace function postrider_internal.decide_leased(
  daemon_id uuid,
  event_ids uuid[],
  endpoint_ids uuid[],
  attempt_ids uuid[],
  attempts_before_now integer[],
  states text[],
  waits_ms bigint[],
  reasons text[],
  alone integer[],
  out locked integer[],
  out exhausted integer[]
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by record_results alone, under its planner settings.
begin
  -- A row that another session has locked, such as an operator in an open transaction, is not waited for: every other
  -- result would wait with it. Its result is returned as still to be decided.
  -- The row is not asked whether it is pending, because only what is pending is leased. With the question, delivery_due
  -- could serve for the look-up, and every waiting delivery was read for each flush (58,000 pages for 50 results).
  with held as (
    select d.event_id, d.endpoint_id, r.n, r.attempt_id, r.attempts, coalesce(r.state, 'succeeded') as state, r.wait_ms, r.reason
    from unnest(event_ids, endpoint_ids, attempt_ids, attempts_before_now, states, waits_ms, reasons) with ordinality
      r (event_id, endpoint_id, attempt_id, attempts, state, wait_ms, reason, n)
    cross join lateral (
      select l.event_id, l.endpoint_id
      from postrider.delivery l
      where l.event_id = r.event_id and l.endpoint_id = r.endpoint_id
        and l.leased_by = decide_leased.daemon_id and l.attempts = r.attempts
      for update skip locked) d
  ), decided as (
    update postrider.delivery d
    set attempts = h.attempts + (h.attempt_id is not null)::integer,
        state = h.state,
        finished_at = case when h.state <> 'pending' then clock_timestamp() end,
        next_attempt_at = case when h.state = 'pending' then clock_timestamp() + h.wait_ms * interval '1 ms' end,
        leased_by = null,
        lease_expires_at = null,
        halts = case when h.state = 'exhausted' and d.ordering_seq is not null then postrider_internal.halts_key(h.endpoint_id) when h.state = 'pending' then d.halts end,
        batch_id = case when h.n = any (alone) then null else d.batch_id end,
        -- Why it was discarded, until it ends anew: a replay that is cancelled gives it back.
        reason = case when h.state = 'pending' then d.reason else h.reason end
    from held h
    where d.event_id between h.event_id and h.event_id and d.endpoint_id = h.endpoint_id
  )
  select (
    select array_agg(r.n::integer)
    from unnest(event_ids, endpoint_ids, attempts_before_now) with ordinality r (event_id, endpoint_id, attempts, n)
    -- In this order, because what was held needs no second look.
    where case when r.n not in (select h.n from held h) then exists (
      select from postrider.delivery d
      where d.event_id = r.event_id and d.endpoint_id = r.endpoint_id
        and d.leased_by = decide_leased.daemon_id and d.attempts = r.attempts
      offset 0) end),
    array(select h.n::integer from held h where h.state = 'exhausted')
  into locked, exhausted;
end
$$;
comment on function postrider_internal.decide_leased(
  uuid, uuid[], uuid[], uuid[], integer[], text[], bigint[], text[], integer[]) is
  'Updates leased deliveries by the results of their attempts, if the daemon still holds the lease. alone: which results, from 1, leave their batch. locked: which results, from 1, are still to be decided because another session has locked the row; exhausted: which ones are exhausted now.';
