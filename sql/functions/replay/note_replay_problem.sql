-- grant: execute to daemon

create or replace function postrider_internal.note_replay_problem(replay_id uuid, problem text) returns void
language sql volatile security definer
set search_path = pg_catalog, pg_temp
begin atomic
  update postrider.replay r
  set reason = note_replay_problem.problem, next_step_at = clock_timestamp() + interval '10 s'
  where r.id = note_replay_problem.replay_id and r.finished_at is null and r.state <> 'cancelled';
end;
comment on function postrider_internal.note_replay_problem(uuid, text) is
  'Notes what was wrong with a step, where operators look for it. The next step is due in ten seconds.';
