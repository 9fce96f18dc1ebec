-- One step of a replay: makes the next few of its deliveries pending, moves its cursor, finishes it if nothing is left.
-- $1 replay
-- Locks: the replay and the deliveries it makes pending (skip locked). Index: outbox_pkey, delivery_pkey, delivery_replay.
select outcome, prepared from postrider_internal.prepare_replay($1::uuid);
