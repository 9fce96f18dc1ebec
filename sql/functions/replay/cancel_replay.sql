-- grant: execute to operator

create or replace function postrider.cancel_replay(replay_id uuid, reason text default null) returns void
language plpgsql volatile security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_variable
declare
  old_replay record;
begin
  -- The endpoint first, like everything that ends a replay.
  perform from postrider.endpoint e
  where e.id = (select r.endpoint_id from postrider.replay r where r.id = replay_id)
  for no key update;
  select r.endpoint_id, r.state into old_replay from postrider.replay r where r.id = replay_id for update;
  if not found then
    raise exception 'there is no replay %', coalesce(replay_id::text, 'null')
      using errcode = 'no_data_found', hint = 'select replay_id, url, state from postrider.replay_status lists them.';
  end if;
  if old_replay.state in ('done', 'cancelled') then
    raise exception 'replay % is % already', replay_id, old_replay.state
      using errcode = 'object_not_in_prerequisite_state';
  end if;
  perform postrider_internal.end_replay(replay_id, concat_ws(': ', 'cancelled by ' || session_user, reason));
  perform postrider_internal.note_action('cancel_replay', old_replay.endpoint_id, null, jsonb_strip_nulls(jsonb_build_object(
    'replay_id', replay_id, 'reason', reason)));
end
$$;
comment on function postrider.cancel_replay(uuid, text) is
  'Ends a replay. Use it if a replay sends too much or the wrong events. Deliveries that it has not sent get back their former state; those that did not exist are discarded. What a daemon has in hand is still sent.';
