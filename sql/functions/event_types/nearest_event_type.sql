create or replace function postrider_internal.nearest_event_type(name text) returns text
language sql stable
set search_path = pg_catalog, pg_temp
return postrider_internal.nearest(name, array(
  select t.name from postrider.event_type t
  where abs(length(t.name) - length(nearest_event_type.name)) <= 3
  order by t.name
  limit 1000));
comment on function postrider_internal.nearest_event_type(text) is 'The defined event type that was most likely meant; null if none is near.';
