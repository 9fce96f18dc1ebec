create or replace function postrider_internal.whole_milliseconds(after_event uuid, events_max integer) returns integer
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
-- Called by prepare_deliveries alone, under its planner settings.
declare
  last uuid;
begin
  select o.id into last
  from postrider.outbox o
  where o.id > whole_milliseconds.after_event
  order by o.id
  offset events_max - 1
  limit 1;
  return events_max + (
    select count(*) from postrider.outbox o
    where o.id > last and o.id < postrider.uuid_v7_floor(postrider.uuid_v7_time(last) + interval '1 ms'));
end
$$;
comment on function postrider_internal.whole_milliseconds(uuid, integer) is
  'How many events to look at after that one, so that all of the last one''s millisecond are among them: events_max or more.';
