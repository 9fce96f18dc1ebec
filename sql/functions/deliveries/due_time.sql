create or replace function postrider_internal.due_time(event_id uuid) returns timestamptz
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Called under the planner settings of a replay's step: one probe of the one partition that can hold the event.
declare
  deliver_at timestamptz;
begin
  select o.deliver_at into deliver_at from postrider.outbox o where o.id = due_time.event_id;
  return greatest(deliver_at, clock_timestamp());
end
$$;
comment on function postrider_internal.due_time(uuid) is
  'When a delivery of the event that is made pending by hand may be attempted: now, or at the event''s deliver_at if that is later.';
