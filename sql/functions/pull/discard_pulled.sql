create or replace function postrider_internal.discard_pulled(endpoint_id uuid, event_id uuid, reason text) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by fetch_events alone, under its planner settings. What was acknowledged before it became unreadable loses its
-- place, so that slower receivers pass over it.
begin
  update postrider.delivery d set pull_place = null
  where d.event_id = discard_pulled.event_id and d.endpoint_id = discard_pulled.endpoint_id and d.state = 'succeeded';
  update postrider.delivery d
  set state = 'discarded', reason = discard_pulled.reason, finished_at = now(), next_attempt_at = null
  where d.event_id = discard_pulled.event_id and d.endpoint_id = discard_pulled.endpoint_id and d.state = 'pending';
  if found then
    perform postrider_internal.note_discards(array[discard_pulled.endpoint_id], false);
  end if;
end
$$;
comment on function postrider_internal.discard_pulled(uuid, uuid, text) is
  'Discards a delivery of a pull endpoint that cannot be given to its receiver.';
