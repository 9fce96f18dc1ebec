create or replace function postrider_internal.note_discards(endpoint_ids uuid[]) returns void
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  present constant timestamptz := date_bin('1 minute', now(), 'epoch');
begin
  if coalesce(cardinality(endpoint_ids), 0) = 0 then
    return;
  end if;
  insert into postrider.endpoint_minute_part (minute, endpoint_id, discarded)
  select present, e.id, count(*) from unnest(endpoint_ids) e (id) group by e.id;
  insert into postrider.daemon_minute (minute, discarded) values (present, cardinality(endpoint_ids));
end
$$;
comment on function postrider_internal.note_discards(uuid[]) is
  'Counts deliveries that a function has discarded, in postrider.endpoint_minute and postrider.daemon_minute. endpoint_ids: the endpoint of each.';
