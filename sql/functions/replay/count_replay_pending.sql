-- grant: execute to reader, operator

create or replace function postrider_internal.count_replay_pending(replay_id uuid) returns bigint
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set jit = off
set plan_cache_mode = force_generic_plan
as $$
begin
  return (select count(*) from postrider.delivery d where d.replay_id = count_replay_pending.replay_id and d.state = 'pending');
end
$$;
comment on function postrider_internal.count_replay_pending(uuid) is
  'How many deliveries of a replay are pending. A function, so that a list of replays that are over does not plan for the partitions of each day.';
