create or replace function postrider_internal.replay_end(until timestamptz) returns uuid
language sql stable parallel safe strict
-- An id is made just before created_at is taken, so a second is ample.
return postrider.uuid_v7_floor(until + interval '1 s');
comment on function postrider_internal.replay_end(timestamptz) is
  'The bound below which the ids of all events lie that were inserted before this time.';
