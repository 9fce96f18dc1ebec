create or replace function postrider_internal.without_erased(
  event_ids uuid[], inout errors text[], inout response_headers json[], inout response_bodies text[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
-- Called by record_results alone, under its planner settings.
declare
  place integer;
begin
  for place in
    select p from generate_series(1, cardinality(event_ids)) p
    where exists (
      select from postrider.outbox o where o.id = event_ids[p] and o.erased_at is not null
      offset 0)
  loop
    errors[place] := case when errors[place] is not null then 'the event was erased' end;
    response_headers[place] := null;
    response_bodies[place] := null;
  end loop;
end
$$;
comment on function postrider_internal.without_erased(uuid[], text[], json[], text[]) is
  'The same answers, without those of events that were erased.';
