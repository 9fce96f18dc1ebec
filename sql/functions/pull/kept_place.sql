create or replace function postrider_internal.kept_place(endpoint_id uuid, pull_place bigint) returns bigint
language sql stable strict
set search_path = pg_catalog, pg_temp
begin atomic
  select kept_place.pull_place
  from postrider.pull_position p
  where p.endpoint_id = kept_place.endpoint_id and kept_place.pull_place <= p.acknowledged_place;
end;
comment on function postrider_internal.kept_place(uuid, bigint) is
  'The place of a delivery that is made again, if it was acknowledged: slower receivers find it there, and it gets a later one besides. Null if it was not, or acknowledging what was given would end it before it is given again.';
