create or replace function postrider_internal.note_discards(endpoint_ids uuid[], are_excused boolean) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  -- Not when the transaction began, which may be long ago.
  present constant timestamptz := date_bin('1 minute', clock_timestamp(), 'epoch');
begin
  if coalesce(cardinality(endpoint_ids), 0) = 0 then
    return;
  end if;
  insert into postrider.endpoint_minute_part (minute, endpoint_id, discarded, excused)
  select present, e.id, count(*), case when are_excused then count(*) else 0 end from unnest(endpoint_ids) e (id) group by e.id;
  insert into postrider.daemon_minute (minute, discarded, excused)
  values (present, cardinality(endpoint_ids), case when are_excused then cardinality(endpoint_ids) else 0 end);
end
$$;
comment on function postrider_internal.note_discards(uuid[], boolean) is
  'Counts deliveries that a function has discarded, in postrider.endpoint_minute and postrider.daemon_minute. endpoint_ids: the endpoint of each; are_excused: whether a person decided about them.';
