-- Notes in postrider.replay_status what was wrong with a step of a replay, and postpones the next step.
-- $1 replay, $2 the problem
-- Locks: the replay.
select postrider_internal.note_replay_problem($1::uuid, $2::text);
