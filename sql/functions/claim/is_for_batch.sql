create or replace function postrider_internal.is_for_batch(attempts integer, attempts_before integer, replay_id uuid) returns boolean
language sql immutable parallel safe
-- One that has failed is sent in the batch that it was in, or alone. One that is sent again by hand is not kept waiting.
return attempts = attempts_before and (attempts = 0 or replay_id is not null);
comment on function postrider_internal.is_for_batch(integer, integer, uuid) is
  'Whether a delivery that is in no batch may share a request with others: its retry schedule has just begun, and it is not one that a person sends again.';
