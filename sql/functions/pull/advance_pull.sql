create or replace function postrider_internal.advance_pull(listener_id uuid, endpoint_id uuid, revision bigint, after_place bigint, wanted integer) returns boolean
language plpgsql volatile
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
-- Called by fetch_events alone, under its planner settings.
--
-- A server may lack places that it or its predecessor has given: a standby that was promoted, a backup that was restored, a
-- disk that has not kept what was written to it. If other deliveries got them, a receiver with a cursor behind them would
-- never get these. So a place is never less than the time in microseconds. After a failover places also continue at a
-- multiple of 2^32, which are 71 minutes, that was not used before, because the clocks of two servers may differ.
declare
  places_of_server constant bigint := 2::bigint ^ 32;
  known record;
  placed integer := 0;
begin
  select p.last_place, p.acknowledged_place, p.server, p.given_at, postrider_internal.present_server() as present into known
  from postrider.pull_position p
  where p.endpoint_id = advance_pull.endpoint_id
  for update;
  known.last_place := greatest(known.last_place, (extract(epoch from clock_timestamp()) * 1000000)::bigint);
  if known.server is distinct from known.present then
    known.last_place := case when known.server is null then known.last_place
      -- A step at random, because two servers may follow one and the same.
      else (known.last_place / places_of_server + 1 + floor(random() * 64)::bigint) * places_of_server end;
  end if;
  if after_place > known.last_place then
    return false;
  end if;
  if after_place > known.acknowledged_place then
    perform postrider_internal.acknowledge_pulled(listener_id, endpoint_id, revision, known.acknowledged_place, after_place, known.given_at);
  end if;
  if wanted > 0 then
    placed := postrider_internal.place_pulled(endpoint_id, greatest(known.acknowledged_place, after_place), known.last_place, wanted);
  end if;
  update postrider.pull_position p
  set last_place = known.last_place + placed, server = known.present,
      acknowledged_place = greatest(p.acknowledged_place, after_place),
      acknowledged_at = case when after_place > p.acknowledged_place then clock_timestamp() else p.acknowledged_at end,
      given_at = case when placed > 0 then clock_timestamp() else p.given_at end
  where p.endpoint_id = advance_pull.endpoint_id;
  -- A place that is given is for ever. An acknowledgement that a crash takes back is repeated by the next request.
  perform set_config('synchronous_commit', case when placed > 0 then 'on' else 'off' end, true)
  where placed = 0 or current_setting('synchronous_commit') in ('off', 'local');
  return true;
end
$$;
comment on function postrider_internal.advance_pull(uuid, uuid, bigint, bigint, integer) is
  'Acknowledges what a pull endpoint was given up to a place, and gives places to as many further deliveries as are wanted. False if that place was never given.';
