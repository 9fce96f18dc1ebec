create or replace function postrider_internal.count_replay_failures(replay_id uuid) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
declare
  exhausted_count integer;
  discarded_count integer;
begin
  with failure as (
    delete from postrider.replay_failure f where f.replay_id = count_replay_failures.replay_id returning f.state
  )
  select count(*) filter (where f.state = 'exhausted'), count(*) filter (where f.state = 'discarded')
  into exhausted_count, discarded_count
  from failure f;
  if exhausted_count + discarded_count > 0 then
    update postrider.replay r
    set exhausted = r.exhausted + exhausted_count, discarded = r.discarded + discarded_count
    where r.id = count_replay_failures.replay_id;
  end if;
end
$$;
comment on function postrider_internal.count_replay_failures(uuid) is
  'Adds the failures of a replay that are not counted yet to its row.';
