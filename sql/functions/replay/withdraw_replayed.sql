create or replace function postrider_internal.withdraw_replayed(replay_id uuid, deliveries_max integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set jit = off
set enable_seqscan = off
set enable_bitmapscan = off
set enable_hashjoin = off
set enable_mergejoin = off
set plan_cache_mode = force_generic_plan
as $$
declare
  restored_count integer;
  discarded uuid[];
begin
  with waiting as materialized (
    select d.event_id, d.endpoint_id, d.state_before
    from postrider.delivery d
    where d.replay_id = withdraw_replayed.replay_id and d.state = 'pending'
      -- An attempt in progress finishes.
      and (d.lease_expires_at is null or d.lease_expires_at <= clock_timestamp())
    order by d.event_id
    limit deliveries_max
    for update skip locked
  ), withdrawn as (
    update postrider.delivery d
    set state = coalesce(d.state_before, 'discarded'),
        reason = case when coalesce(d.state_before, 'discarded') = 'discarded' then coalesce(d.reason, 'its replay was cancelled') end,
        finished_at = coalesce(
          (select max(a.started_at + a.duration_ms * interval '1 ms') from postrider.attempt a
           where a.event_id = d.event_id and a.endpoint_id = d.endpoint_id),
          clock_timestamp()),
        attempts_before = d.attempts,
        next_attempt_at = null, leased_by = null, lease_expires_at = null,
        replay_id = case when d.state_before is null then d.replay_id end,
        state_before = null
    from waiting w
    where d.event_id = w.event_id and d.endpoint_id = w.endpoint_id
    returning d.endpoint_id, w.state_before
  )
  select count(*) filter (where w.state_before is not null), array_agg(w.endpoint_id) filter (where w.state_before is null)
  into restored_count, discarded
  from withdrawn w;
  perform postrider_internal.note_discards(discarded, true);
  return restored_count;
end
$$;
comment on function postrider_internal.withdraw_replayed(uuid, integer) is
  'Ends pending deliveries of a replay, up to a limit: those that had a state before get it back, the others are discarded. Returns how many were restored. Attempts in progress are left alone.';
