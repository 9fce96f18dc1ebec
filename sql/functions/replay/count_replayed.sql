create or replace function postrider_internal.count_replayed(
  replay_id uuid, rows_max integer, out pending integer, out begun integer, out unsent integer
)
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Called by prepare_replay alone, under its planner settings.
declare
  started constant timestamptz := clock_timestamp();
begin
  select count(*),
         count(*) filter (where w.attempts > w.attempts_before or w.next_attempt_at <= started or w.lease_expires_at is not null),
         count(*) filter (where w.lease_expires_at is null and w.next_attempt_at <= started)
  into pending, begun, unsent
  from (
    select d.next_attempt_at, d.lease_expires_at, d.attempts, d.attempts_before
    from postrider.delivery d
    where d.replay_id = count_replayed.replay_id and d.state = 'pending'
    limit rows_max) w;
end
$$;
comment on function postrider_internal.count_replayed(uuid, integer) is
  'Pending deliveries of a replay, up to a limit. begun: those whose time has come, all but those that wait for their event''s deliver_at; unsent: those that are due.';
