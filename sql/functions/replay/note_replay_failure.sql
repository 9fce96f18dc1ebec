create or replace function postrider_internal.note_replay_failure() returns trigger
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
  insert into postrider.replay_failure (replay_id, state) values (new.replay_id, new.state);
  return null;
end
$$;
comment on function postrider_internal.note_replay_failure() is 'Notes a replayed delivery that was exhausted or discarded.';

-- Successes are the remainder: counting each would double what the success of a replayed delivery writes.
create or replace trigger note_replay_failure after update of state on postrider.delivery
  for each row when (old.replay_id = new.replay_id and old.state = 'pending' and new.state in ('exhausted', 'discarded'))
  execute function postrider_internal.note_replay_failure();
comment on trigger note_replay_failure on postrider.delivery is 'Fires only for replayed deliveries that did not succeed.';
