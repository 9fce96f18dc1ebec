create or replace function postrider_internal.without_erased(
  event_ids uuid[], batch_ids uuid[], inout errors text[], inout response_headers json[], inout response_bodies text[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Called by record_results alone, under its planner settings. The answer to a batch is recorded with one of its events, and
-- may repeat any of them.
declare
  erased constant integer[] := array(
    select p from generate_series(1, cardinality(event_ids)) p
    where exists (
      select from postrider.outbox o where o.id = event_ids[p] and o.erased_at is not null
      offset 0));
  place integer;
begin
  foreach place in array erased loop
    errors[place] := case when errors[place] is not null then 'the event was erased' end;
    response_headers[place] := null;
    response_bodies[place] := null;
  end loop;
  for place in
    select p from generate_series(1, cardinality(batch_ids)) p
    where p <> all (erased) and batch_ids[p] = any (array(select batch_ids[e] from unnest(erased) e))
  loop
    errors[place] := case when errors[place] is not null then 'an event of the batch was erased' end;
    response_headers[place] := null;
    response_bodies[place] := null;
  end loop;
end
$$;
comment on function postrider_internal.without_erased(uuid[], uuid[], text[], json[], text[]) is
  'The same answers, without those of events that were erased and of batches with such events.';
