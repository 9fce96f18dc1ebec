create or replace function postrider_internal.end_replay(replay_id uuid, reason text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- A replay never has more than pending_max deliveries pending, so what is left after this is in flight, or locked.
-- Daemons call it again until nothing is left.
declare
  pending_max constant integer := 10000;
  restored_count integer;
begin
  update postrider.replay r set state = 'cancelled', reason = end_replay.reason where r.id = end_replay.replay_id;
  restored_count := postrider_internal.withdraw_replayed(end_replay.replay_id, pending_max);
  update postrider.replay r
  set restored = r.restored + restored_count,
      next_step_at = clock_timestamp() + interval '500 ms',
      finished_at = case when not exists (
        select from postrider.delivery d where d.replay_id = r.id and d.state = 'pending') then clock_timestamp() end
  where r.id = end_replay.replay_id;
  perform postrider_internal.count_replay_failures(end_replay.replay_id);
end
$$;
comment on function postrider_internal.end_replay(uuid, text) is
  'Cancels a replay and withdraws what has not been sent. The replay is finished when none of its deliveries is in flight.';
